"""Orders of a small shop: parsing, prices and shipping.

A sample for the code-complexity skill. Most functions are simple; one has
grown a branch per feature request and is due for a split.
"""

import json
from dataclasses import dataclass, field
from decimal import Decimal

FREE_SHIPPING_FROM = Decimal("75.00")
SHIPPING_RATES = {"domestic": Decimal("4.90"), "eu": Decimal("12.50"), "world": Decimal("29.00")}
EU_COUNTRIES = {"AT", "BE", "DE", "ES", "FR", "IE", "IT", "NL", "PL", "PT"}


class OrderError(Exception):
    """An order that cannot be accepted."""


@dataclass
class Item:
    sku: str
    quantity: int
    unit_price: Decimal

    def total(self):
        return self.quantity * self.unit_price


@dataclass
class Order:
    number: str
    country: str
    items: list = field(default_factory=list)
    express: bool = False

    def subtotal(self):
        return sum((item.total() for item in self.items), Decimal(0))

    def is_empty(self):
        return not self.items


def parse_order(text):
    """Reads an order from JSON."""
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise OrderError(f"not JSON: {error}") from error
    items = [
        Item(entry["sku"], int(entry["quantity"]), Decimal(str(entry["unit_price"])))
        for entry in raw.get("items", [])
        if int(entry["quantity"]) > 0
    ]
    return Order(raw["number"], raw.get("country", "DE"), items, bool(raw.get("express")))


def shipping_zone(country, home="DE"):
    if country == home:
        return "domestic"
    return "eu" if country in EU_COUNTRIES else "world"


def quote(order, customer, coupons, stock, today, currency="EUR", log=None):
    """Prices an order. Every rule of the last five years ended up in here."""
    if order.is_empty():
        raise OrderError("the order has no items")
    total = order.subtotal()
    notes = []
    for item in order.items:
        if item.sku not in stock:
            raise OrderError(f"unknown article {item.sku}")
        if stock[item.sku] < item.quantity:
            if customer.get("backorder") and not order.express:
                notes.append(f"{item.sku} will follow")
            elif stock[item.sku] > 0:
                total -= (item.quantity - stock[item.sku]) * item.unit_price
                notes.append(f"{item.sku}: only {stock[item.sku]} left")
            else:
                raise OrderError(f"{item.sku} is sold out")
    for coupon in coupons:
        if coupon["valid_until"] < today:
            notes.append(f"coupon {coupon['code']} has expired")
            continue
        match coupon["kind"]:
            case "percent":
                total -= total * coupon["value"] / 100
            case "amount" if total >= coupon.get("minimum", 0):
                total -= coupon["value"]
            case "free_article":
                for item in order.items:
                    if item.sku == coupon["sku"]:
                        if item.quantity > 1 or coupon.get("single"):
                            total -= item.unit_price
                            break
                else:
                    notes.append("the coupon's article is not in the order")
            case _:
                notes.append(f"coupon {coupon['code']} does not apply")
    zone = shipping_zone(order.country)
    if total >= FREE_SHIPPING_FROM and zone != "world" and not order.express:
        shipping = Decimal(0)
    else:
        shipping = SHIPPING_RATES[zone] * (2 if order.express else 1)
    try:
        rate = customer["rates"][currency] if currency != "EUR" else Decimal(1)
    except KeyError:
        raise OrderError(f"no rate for {currency}") from None
    total = max(total, Decimal(0)) + shipping
    if log is not None:
        log.append((order.number, total))
    return total * rate, notes


def retrying(attempts):
    """Decorator: calls again after an OSError."""
    def decorate(function):
        def call(*args, **kwargs):
            for attempt in range(attempts):
                try:
                    return function(*args, **kwargs)
                except OSError:
                    if attempt + 1 == attempts:
                        raise
        return call
    return decorate


if __name__ == "__main__":
    import sys

    print(parse_order(sys.stdin.read()))
