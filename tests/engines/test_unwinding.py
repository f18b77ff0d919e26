"""Compares where a trace lets a frame end by an exception with Python's traceback."""

import asyncio
import contextlib
import traceback
import types
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Self

import pytest

from tests.engines.support import record


class Failure(Exception):
    pass


def fails() -> None:
    raise Failure


def passes(*_: object) -> int:
    return 1


@contextlib.contextmanager
def manager() -> Iterator[None]:
    try:
        yield
    finally:
        passes()


class Manager:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        passes()


class FailingManager(Manager):
    def __exit__(self, *_: object) -> None:
        passes()
        raise Failure


# Each is a program that ends by an exception. A function of a name is called once.


def plain() -> None:
    passes()
    fails()


def statement_of_several_lines() -> None:
    passes(
        passes(),
        fails(),
        passes(),
    )


def with_statement() -> None:
    with Manager():
        passes()
        fails()


def with_statement_of_several_lines() -> None:
    with (
        Manager() as one,
        Manager() as two,
    ):
        passes(one, two)
        fails()


def with_of_a_generator() -> None:
    with manager():
        fails()


def exit_that_fails() -> None:
    with FailingManager():
        passes()
        fails()


def finally_block() -> None:
    try:
        fails()
    finally:
        passes()
        passes()


def finally_in_a_loop() -> None:
    for number in range(3):
        try:
            if number == 2:
                fails()
        finally:
            passes()


def finally_that_catches_another() -> None:
    try:
        fails()
    finally:
        try:
            raise ValueError
        except ValueError:
            passes()
        passes()


def finally_that_fails() -> None:
    try:
        fails()
    finally:
        passes()
        raise ValueError


def nested_finally() -> None:
    try:
        try:
            try:
                fails()
            finally:
                passes()
        finally:
            passes()
    finally:
        passes()


def except_of_another_type() -> None:
    try:
        fails()
    except ValueError:
        passes()


def raised_again() -> None:
    try:
        fails()
    except Failure:
        passes()
        raise


def raised_again_after_another() -> None:
    try:
        fails()
    except Failure:
        try:
            raise ValueError
        except ValueError:
            passes()
        raise


def raised_again_by_name() -> None:
    try:
        fails()
    except Failure as error:
        passes()
        raise error  # noqa: TRY201 - not the same: the traceback gets an entry


def another_in_a_with() -> None:
    try:
        fails()
    except Failure as error:
        with Manager():
            passes()
            raise ValueError from error


def raised_again_in_a_with() -> None:
    try:
        fails()
    except Failure:
        with Manager():
            passes()
            raise


def another_in_an_async_with() -> None:
    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await asyncio.sleep(0)

    async def main() -> None:
        try:
            fails()
        except Failure:
            async with opened():
                raise ValueError  # noqa: B904 - while the other one is handled

    asyncio.run(main())


def raised_again_from_another() -> None:
    try:
        fails()
    except Failure as error:
        raise ValueError from error


def raised_again_outside_of_its_handler() -> None:
    kept: list[Exception] = []
    try:
        fails()
    except Failure as error:
        kept.append(error)
    passes()
    raise kept.pop()


def raised_again_in_a_callee() -> None:
    def again() -> None:
        passes()
        raise  # noqa: PLE0704 - of the exception that the caller handles

    try:
        fails()
    except Failure:
        passes()
        again()


def raised_again_with_a_traceback_cut_off() -> None:
    try:
        fails()
    except Failure as error:
        raise error.with_traceback(None)  # noqa: B904 - it is the one that is handled


def nested_functions() -> None:
    def outer() -> None:
        def inner() -> None:
            with Manager():
                fails()

        try:
            inner()
        finally:
            passes()

    with Manager():
        outer()
    passes()


def lambda_in_a_comprehension() -> None:
    passes()
    print([call() for call in (lambda: fails(),)])


def class_body() -> None:
    class Body:
        try:
            fails()
        finally:
            passes()

    passes(Body)


def generator() -> None:
    def numbers() -> Iterator[int]:
        try:
            yield 1
            fails()
        finally:
            passes()

    for _ in numbers():
        passes()


def generator_that_is_thrown_into() -> None:
    def numbers() -> Iterator[int]:
        with Manager():
            passes()
            yield 1
            passes()

    running = numbers()
    next(running)
    running.throw(Failure)  # type: ignore[attr-defined]


def generator_delegation() -> None:
    def inner() -> Iterator[int]:
        with Manager():
            yield 1
            fails()

    def outer() -> Iterator[int]:
        try:
            yield from inner()
        finally:
            passes()

    list(outer())


def generator_raises_stop() -> None:
    def numbers() -> Iterator[int]:
        yield 1
        try:
            raise StopIteration  # noqa: PLR1708 - the interpreter makes another of it
        finally:
            passes()

    list(numbers())


def coroutines() -> None:
    async def inner() -> None:
        async with asyncio.timeout(10):
            await asyncio.sleep(0)
            fails()

    async def outer() -> None:
        try:
            await inner()
        finally:
            passes()

    asyncio.run(outer())


def async_generator() -> None:
    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            fails()
        finally:
            passes()

    async def main() -> None:
        try:
            async for _ in numbers():
                passes()
        finally:
            passes()

    asyncio.run(main())


def cancelled_task() -> None:
    async def waits() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            passes()

    async def main() -> None:
        task = asyncio.ensure_future(waits())
        await asyncio.sleep(0)
        task.cancel()
        with Manager():
            await task
        passes()

    asyncio.run(main())


def group() -> None:
    try:
        fails()
    except* ValueError:
        passes()


def group_of_the_program() -> None:
    def makes() -> None:
        passes()
        raise ExceptionGroup("several", [Failure(), ValueError()])

    try:
        makes()
    except* ValueError:
        passes()


def task_group() -> None:
    async def task() -> None:
        with Manager():
            fails()

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(task())
        passes()

    try:
        asyncio.run(main())
    finally:
        passes()


def assertion() -> None:
    with Manager():
        one = 1
        assert (
            one
            == 2
        )  # fmt: skip
    passes()


def built_in_failure() -> None:
    with Manager():
        passes()
        int("x")
    passes()


def return_in_a_with_that_fails() -> int:
    with FailingManager():
        return passes()


def exit_stack() -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(manager())
        stack.callback(passes)
        fails()


def loop_else() -> None:
    while True:
        try:
            passes()
            break
        finally:
            fails()


def match_statement() -> None:
    match passes():
        case 1:
            with Manager():
                fails()
        case _:
            passes()


PROGRAMS: tuple[Callable[[], Any], ...] = tuple(
    value
    for name, value in list(globals().items())
    if isinstance(value, types.FunctionType)
    and value.__module__ == __name__
    and not name.startswith(("test_", "__"))
    and name not in ("fails", "passes", "manager")
)


Shown = dict[str, tuple[int, tuple[int | None, ...]]]


def shown(error: BaseException) -> Shown:
    """Give, for each function of this file, what Python's traceback shows first.

    The line, and the piece of source under which it puts its carets.
    """
    found: Shown = {}
    for step in traceback.extract_tb(error.__traceback__):
        if step.filename == __file__ and step.lineno is not None:
            piece = (step.lineno, step.end_lineno, step.colno, step.end_colno)
            found.setdefault(step.name, (step.lineno, piece))
    return found


def ends(function: Callable[[], Any]) -> Shown:
    try:
        function()
    except BaseException as error:
        found = shown(error)
        del found["ends"]
        return found
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize("level", ["calls", "lines", "values"])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_frame_ends_where_the_traceback_shows(
    program: Callable[[], Any], engine: str, level: str
) -> None:
    recorded = record(ends, program, engine=engine, level=level, include=[__file__])
    told = {
        event.function.rpartition(".")[2]: (event.line, tuple(event.position or ()))
        for event in recorded.events
        if event.kind == "unwind" and event.function is not None
    }
    expected = recorded.result
    assert expected
    assert {name: told.get(name) for name in expected} == expected
