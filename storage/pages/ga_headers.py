"""Names of columns in page exports of Google Analytics, in the languages that it has most users in; lower case."""

from collections.abc import Mapping

#: By what the column is: English first, then German, French, Spanish, Italian, Dutch, Portuguese, Polish.
HEADERS: Mapping[str, tuple[str, ...]] = {
    "page": (
        *("page", "page path", "page path and screen class", "page path + query string", "landing page"),
        *("seite", "seitenpfad", "seitenpfad und bildschirmklasse", "seitenpfad + abfragestring", "landingpage"),
        *("chemin de la page", "chemin de la page et classe de l'écran", "page de destination"),
        *("página", "ruta de página y clase de pantalla", "ruta de la página", "ruta de página", "página de destino"),
        *("pagina", "percorso pagina e classe schermata", "percorso pagina", "pagina di destinazione"),
        *("paginapad en schermklasse", "paginapad", "bestemmingspagina"),
        *("caminho da página e classe da tela", "caminho da página"),
        *("strona", "ścieżka strony i klasa ekranu", "ścieżka strony", "strona docelowa"),
    ),
    "views": (
        *("pageviews", "views", "page views", "screen page views"),
        *("seitenaufrufe", "aufrufe"),
        *("pages vues", "vues", "nombre de vues"),
        *("número de visitas a páginas", "páginas vistas", "vistas", "visualizaciones"),
        *("visualizzazioni di pagina", "visualizzazioni"),
        *("paginaweergaven", "weergaven"),
        *("visualizações de página", "visualizações"),
        *("odsłony", "wyświetlenia", "liczba wyświetleń"),
    ),
    "bounce": (
        "bounce rate",
        "absprungrate",
        "taux de rebond",
        *("porcentaje de rebote", "tasa de rebote"),
        "frequenza di rimbalzo",
        "bouncepercentage",
        "taxa de rejeição",
        "współczynnik odrzuceń",
    ),
    "exit": (
        *("% exit", "exit rate", "exit %"),
        *("% ausstiege", "ausstiege in %", "ausstiegsrate"),
        *("% sorties", "% de sorties", "sorties (en %)", "taux de sortie"),
        *("% de salidas", "porcentaje de salidas", "tasa de salida"),
        *("% uscita", "% uscite", "frequenza di uscita", "tasso di uscita"),
        *("% uitstappen", "uitstappercentage"),
        *("% saída", "% de saída", "porcentagem de saída", "taxa de saída"),
        *("% wyjść", "współczynnik wyjść"),
    ),
    "value": (
        *("page value", "page value (revenue)", "value per view"),
        *("seitenwert", "wert der seite"),
        *("valeur de la page", "valeur de page"),
        *("valor de página", "valor de la página"),
        *("valore pagina", "valore della pagina"),
        "paginawaarde",
        "valor da página",
        "wartość strony",
    ),
}

#: How the line of totals, and rows that stand for no page, begin.
TOTALS = (
    *("total", "grand total", "(other)", "(not set)"),
    *("gesamt", "summe", "(andere)", "(nicht festgelegt)"),
    *("(autre)", "(non défini)"),
    *("suma", "(otros)", "(sin definir)"),
    *("totale", "(altro)", "(non impostato)"),
    *("totaal", "eindtotaal", "(overig)", "(niet ingesteld)"),
    *("(outros)", "(não definido)"),
    *("razem", "łącznie", "(inne)", "(nie ustawiono)"),
)
