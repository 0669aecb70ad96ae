"""What the generated shop sells and the paths of its pages. Pure.

Prices are whole cents; a shop whose amounts are times `amounts` differs in nothing else.
"""

from bisect import bisect_right
from itertools import accumulate

import numpy as np
from msgspec import Struct

from deploy.simulate.shop.parameters import Kind

CURRENCY = "EUR"
PRODUCTS, CATEGORIES = 240, 12
#: A product that is so much further down is looked at half as often.
HALF_AS_POPULAR = 60
#: The price of half of the products, in cents, and the standard deviation of the prices' logarithm.
MEDIAN_PRICE, PRICE_DEVIATION = 3_400, 0.8
INFORMATION = ("delivery", "returns", "sizes", "about", "contact")
_PATHS: dict[Kind, str] = {
    "home": "/",
    "search": "/search",
    "account": "/account",
    "cart": "/cart",
    "checkout": "/checkout",
    "shipping": "/checkout/shipping",
    "payment": "/checkout/payment",
}
SUCCESS = "/checkout/thank-you"


class ShopProduct(Struct, frozen=True):
    """The price is that of one, in the currency of the shop."""

    id: str
    category: int
    cents: int


class Goods:
    """The products of a seed, the most popular first."""

    def __init__(self, seed: int, amounts: float = 1.0) -> None:
        self._amounts = amounts
        draws = np.random.default_rng([seed, 0]).standard_normal(PRODUCTS)
        cents = np.maximum(np.rint(MEDIAN_PRICE * np.exp(PRICE_DEVIATION * draws)), 100)
        self.products = [
            ShopProduct(f"P{number:04}", number * 7 % CATEGORIES, int(price)) for number, price in enumerate(cents, 1)
        ]
        self._popularity = list(accumulate(0.5 ** (place / HALF_AS_POPULAR) for place in range(PRODUCTS)))

    def product(self, draw: float) -> ShopProduct:
        """A product by its popularity; `draw` is uniform in [0, 1)."""
        return self.products[bisect_right(self._popularity, draw * self._popularity[-1])]

    def money(self, cents: int) -> float:
        """A sum as events say it."""
        return round(cents * self._amounts / 100, 2)


def path(kind: Kind, draw: float, product: ShopProduct | None) -> str:
    """The path of a page; `draw` is uniform in [0, 1)."""
    if kind == "product" and product is not None:
        return f"/products/{product.id}"
    if kind == "list":
        return f"/categories/{int(draw * CATEGORIES) + 1}"
    if kind == "information":
        return f"/help/{INFORMATION[int(draw * len(INFORMATION))]}"
    return _PATHS[kind]
