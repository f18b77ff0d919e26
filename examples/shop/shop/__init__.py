"""A small shop: catalogue, prices, stock, orders and checkout. Amounts are whole cents."""
