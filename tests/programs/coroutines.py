import asyncio


class Resource:
    def __init__(self, name):
        self.name = name

    async def __aenter__(self):
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, kind, error, traceback):
        await asyncio.sleep(0)
        return kind is ValueError


async def numbers(limit):
    for number in range(limit):
        await asyncio.sleep(0)
        yield number


async def work(name, rounds):
    total = 0
    async for number in numbers(rounds):
        total += number
    return name, total


async def cancelled():
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        note = "cancelled"
        raise


async def guarded():
    async with Resource("r") as resource:
        raise ValueError(resource.name)
    return "swallowed"


async def run():
    results = await asyncio.gather(work("a", 2), work("b", 1))
    task = asyncio.ensure_future(cancelled())
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        results.append("task cancelled")
    results.append(await guarded())
    results.append([number async for number in numbers(2)])
    return results


def main():
    return asyncio.run(run())
