"""Works out monthly pay: hours, overtime, bonus, social insurance and income tax, in cents."""

from dataclasses import dataclass, field

HOURS_PER_MONTH = 160
BRACKETS = ((1_000_00, 0), (2_500_00, 20), (None, 40))


@dataclass
class Employee:
    name: str
    hourly_cents: int
    hours: float = 0.0
    bonus_cents: int = 0
    extras: list = field(default_factory=list)

    def work(self, hours):
        if hours < 0:
            message = f"nobody works {hours} hours"
            raise ValueError(message)
        self.hours += hours


@dataclass
class Slip:
    name: str
    gross_cents: int
    insurance_cents: int
    tax_cents: int

    @property
    def net_cents(self):
        return self.gross_cents - self.insurance_cents - self.tax_cents

    def lines(self):
        yield f"{self.name:<20}"
        yield f"gross {self.gross_cents / 100:12.2f}"
        yield f"insurance {self.insurance_cents / 100:8.2f}"
        yield f"tax {self.tax_cents / 100:14.2f}"
        yield f"net {self.net_cents / 100:14.2f}"


def regular_hours(hours):
    return min(hours, HOURS_PER_MONTH)


def overtime_hours(hours):
    return max(0, hours - HOURS_PER_MONTH)


def base_pay(employee):
    return round(employee.hourly_cents * regular_hours(employee.hours))


def overtime_pay(employee, factor=1.25):
    return round(employee.hourly_cents * factor * overtime_hours(employee.hours))


def gross_pay(employee):
    return base_pay(employee) + overtime_pay(employee) + employee.bonus_cents


def insurance(gross_cents, per_mille=930):
    """Social insurance: 9.3 per cent of the gross pay."""
    return gross_cents * per_mille // 1000


def income_tax(taxable_cents):
    tax, below = 0, 0
    for limit, percent in BRACKETS:
        top = taxable_cents if limit is None else min(taxable_cents, limit)
        if top <= below:
            break
        tax += (top - below) * percent // 100
        below = top
    return tax


def pay_slip(employee):
    gross = gross_pay(employee)
    insured = insurance(gross)
    tax = income_tax(gross - insured)
    return Slip(employee.name, gross, insured, tax)


class Payroll:
    """All employees of a month."""

    def __init__(self):
        self.employees = {}
        self.slips = []

    def hire(self, name, hourly_cents):
        employee = self.employees[name] = Employee(name, hourly_cents)
        return employee

    def log(self, name, *days):
        for hours in days:
            self.employees[name].work(hours)

    def reward(self, name, cents):
        self.employees[name].bonus_cents += cents

    def close_month(self):
        for employee in self.employees.values():
            self.slips.append(pay_slip(employee))
            employee.hours = 0.0
            employee.bonus_cents = 0
        return sum(slip.net_cents for slip in self.slips)

    def slip_of(self, name):
        for slip in self.slips:
            if slip.name == name:
                return slip
        raise KeyError(name)
