"""Programs with one bug each, whose cause an explanation has to name."""
