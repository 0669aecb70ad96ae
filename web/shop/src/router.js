// Shows the page of an address. Title and page type are set before the address changes, so that the tracker, which
// looks at every change of the address, reads those of the new page.

const routes = [];
let outlet;

/** `pattern` is a path with at most one `:name`; `find(name)` gives {title, type, view}, or nothing. */
export function route(pattern, find) {
  const [before, name] = pattern.split(":");
  routes.push({ matches: (path) => (name ? path.startsWith(before) : path === before), before, find });
}

/** Shows the page of the address now, and from now on that of every link that is followed. */
export function start(element) {
  outlet = element;
  show(arrived(location.pathname), false);
  document.addEventListener("click", followed);
  // Capturing listeners of the window come before the tracker's.
  window.addEventListener("popstate", () => show(arrived(location.pathname)), true);
}

export function go(path) {
  const page = arrived(path);
  history.pushState(null, "", path);
  show(page);
  window.scrollTo(0, 0);
}

function pageOf(path) {
  const clean = path.length > 1 ? path.replace(/\/+$/, "") : path;
  for (const { matches, before, find } of routes) {
    const page = matches(clean) && find(clean.slice(before.length));
    if (page) return page;
  }
  throw new Error(`no route takes ${path}`);
}

function arrived(path) {
  const page = pageOf(path);
  document.title = page.title ? `${page.title} · Fennel Street` : "Fennel Street: useful things for home";
  if (page.type) document.body.dataset.pageType = page.type;
  else delete document.body.dataset.pageType;
  return page;
}

function show(page, moveFocus = true) {
  outlet.replaceChildren(...[page.view()].flat());
  for (const link of document.querySelectorAll("nav a")) {
    const here = location.pathname === link.pathname || location.pathname.startsWith(`${link.pathname}/`);
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (moveFocus) outlet.querySelector("h1")?.focus({ preventScroll: true });
}

function followed(event) {
  const link = event.target.closest?.("a[href]");
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || event.defaultPrevented || link.target || link.origin !== location.origin) return;
  event.preventDefault();
  // A link into the page moves the focus and leaves the address: a new one would count as a page view.
  if (link.hash && link.pathname === location.pathname) document.querySelector(link.hash)?.focus();
  else go(link.pathname);
}
