from datetime import date

import pytest
from library import Library, Report


@pytest.fixture
def library():
    library = Library()
    for number, title in enumerate(["Emma", "Ulysses", "Dune", "Beloved"], 1):
        library.add(f"isbn-{number}", title)
    return library


def test_the_report_lists_every_overdue_loan(library):
    for number in range(1, 5):
        library.lend(f"isbn-{number}", "ada", date(2024, 3, number))
    library.renew("isbn-4", "ada")
    late = library.overdue(date(2024, 6, 1))
    titles = Report(late, size=2).titles(library)
    assert titles == ["Emma", "Ulysses", "Dune", "Beloved"]
