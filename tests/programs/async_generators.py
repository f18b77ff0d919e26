import asyncio


async def ticks(log):
    try:
        for number in range(10):
            yield number
    finally:
        log.append("closed")


async def stops_early(log):
    ticker = ticks(log)
    async for number in ticker:
        if number == 1:
            break
    await ticker.aclose()
    return number


async def echo():
    got = None
    while got != "stop":
        try:
            got = yield got
        except ValueError as error:
            got = str(error)


async def talks():
    talker = echo()
    heard = [await talker.asend(None)]
    heard.append(await talker.asend("one"))
    heard.append(await talker.athrow(ValueError("two")))
    try:
        await talker.asend("stop")
    except StopAsyncIteration:
        heard.append("end")
    return heard


async def fails():
    await asyncio.sleep(0)
    raise LookupError("late")


async def times_out():
    try:
        async with asyncio.timeout(0):
            await asyncio.sleep(10)
    except TimeoutError:
        return "timeout"


async def run(log):
    results = [await stops_early(log), await talks(), await times_out()]
    found = await asyncio.gather(fails(), fails(), return_exceptions=True)
    results.append([str(error) for error in found])
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fails())
            group.create_task(asyncio.sleep(5))
    except* LookupError as errors:
        results.append(len(errors.exceptions))
    return results


def main():
    log = []
    return asyncio.run(run(log)), log
