"""A lending library: members borrow copies of books, and a report lists what is overdue."""

from dataclasses import dataclass, field
from datetime import date, timedelta

LOAN_DAYS = 21
RENEWAL_DAYS = 14
MOST_LOANS = 5


class LibraryError(Exception):
    """Something that a member may not do."""


@dataclass
class Book:
    isbn: str
    title: str
    copies: int = 1
    lent: int = 0

    @property
    def available(self):
        return self.copies - self.lent


@dataclass
class Loan:
    isbn: str
    member: str
    due: date
    renewals: int = 0

    def days_overdue(self, today):
        return max(0, (today - self.due).days)


@dataclass
class Library:
    books: dict = field(default_factory=dict)
    loans: list = field(default_factory=list)

    def add(self, isbn, title, copies=1):
        if isbn in self.books:
            self.books[isbn].copies += copies
        else:
            self.books[isbn] = Book(isbn, title, copies)
        return self.books[isbn]

    def loans_of(self, member):
        return [loan for loan in self.loans if loan.member == member]

    def lend(self, isbn, member, today):
        book = self.books[isbn]
        if book.available < 1:
            message = f"no copy of {book.title!r} is left"
            raise LibraryError(message)
        if len(self.loans_of(member)) >= MOST_LOANS:
            message = f"{member} has {MOST_LOANS} loans already"
            raise LibraryError(message)
        book.lent += 1
        loan = Loan(isbn, member, today + timedelta(days=LOAN_DAYS))
        self.loans.append(loan)
        return loan

    def give_back(self, isbn, member):
        for loan in self.loans_of(member):
            if loan.isbn == isbn:
                self.loans.remove(loan)
                self.books[isbn].lent -= 1
                return
        message = f"{member} has no loan of {isbn}"
        raise LibraryError(message)

    def renew(self, isbn, member):
        for loan in self.loans_of(member):
            if loan.isbn == isbn:
                if loan.renewals >= 2:
                    message = "a loan is renewed twice at most"
                    raise LibraryError(message)
                loan.renewals += 1
                loan.due += timedelta(days=RENEWAL_DAYS)
                return loan.due
        message = f"{member} has no loan of {isbn}"
        raise LibraryError(message)

    def overdue(self, today):
        late = [loan for loan in self.loans if loan.days_overdue(today) > 0]
        return sorted(late, key=lambda loan: (loan.due, loan.isbn))


class Report:
    """The list of overdue loans, a page at a time."""

    def __init__(self, loans, size):
        self.loans = loans
        self.size = size

    def pages(self):
        return (len(self.loans) + self.size - 1) // self.size

    def page(self, number):
        first = (number - 1) * self.size
        last = first + self.size - 1
        return self.loans[first:last]

    def titles(self, library):
        titles = []
        for number in range(1, self.pages() + 1):
            for loan in self.page(number):
                titles.append(library.books[loan.isbn].title)
        return titles
