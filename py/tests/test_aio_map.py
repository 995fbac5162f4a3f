"""`entreat.aio.Client.map`: many requests at once, on every loop, and what becomes of them when nobody waits any more."""

import contextvars

import pytest
from entreat import errors
from entreat.aio import Client
from loops import on_every_loop
from peers import HOLD, OK, RECEIVE, Peer


@on_every_loop
async def test_many_requests_are_answered_as_the_answers_come(loop, origin, refused):
    requests = [
        f"{origin.http}/delay/0.3",
        f"{origin.http}/get",
        {"url": f"{origin.http}/post", "method": "POST"},
        refused,
    ]
    async with Client() as client:
        answers = client.map(requests, concurrency=4, return_exceptions=True)
        outcomes = [outcome async for outcome in answers]
        assert outcomes[-1].url.endswith("/delay/0.3") and len(outcomes) == 4
        assert [type(outcome) for outcome in outcomes].count(errors.ConnectError) == 1


@on_every_loop
async def test_requests_are_taken_no_further_than_they_are_sent(loop, origin):
    taken = []

    async def endless():
        while True:
            taken.append(1)
            yield f"{origin.http}/get"

    async with Client() as client, client.map(endless(), concurrency=3) as answers:
        for _ in range(5):
            assert (await answers.__anext__()).status_code == 200
        assert len(taken) <= 9
    assert client.pool_stats.in_use == 0


@on_every_loop
async def test_what_fails_is_raised_in_its_turn(loop, origin, refused):
    async with Client() as client:
        answers = client.map([refused, f"{origin.http}/get"], concurrency=1)
        with pytest.raises(errors.ConnectError):
            await answers.__anext__()
        assert [answer.status_code async for answer in answers] == [200]
        with pytest.raises(ZeroDivisionError):
            async for answer in client.map(f"{origin.http}/{1 // number}" for number in (1, 0)):
                assert answer.status_code == 404


def one_answer():
    """Answers the first, and leaves the others waiting."""
    return Peer([RECEIVE, OK, RECEIVE], [RECEIVE, RECEIVE])


@on_every_loop
async def test_whoever_leaves_the_loop_gives_up_what_is_under_way(loop):
    with one_answer() as peer:
        async with Client() as client:
            async for answer in client.map([peer.url] * 3):
                assert answer.text == "ok"
                break
            await loop.sleep(0.05)
            assert client.pool_stats.in_use == 0


@on_every_loop
async def test_whoever_is_cancelled_gives_up_what_is_under_way(loop):
    seen = []

    async def consume():
        async for answer in answers:
            seen.append(answer.text)

    with one_answer() as peer:
        async with Client() as client:
            answers = client.map([peer.url] * 3)
            await loop.cancelled(consume(), after=0.2)
            await loop.sleep(0.05)
            assert (seen, client.pool_stats.in_use) == (["ok"], 0)
            assert [answer async for answer in answers] == []


@on_every_loop
async def test_the_next_answer_is_one_tasks(loop, origin):
    heard = []

    async def take(answers):
        try:
            heard.extend([answer.status_code async for answer in answers])
        except RuntimeError as error:
            heard.append(str(error))

    async with Client() as client:
        answers = client.map([f"{origin.http}/get"] * 4)
        await loop.all(take(answers), take(answers))
    assert heard == ["another task waits for the next answer", 200, 200, 200, 200]


@on_every_loop
async def test_whoever_waits_hears_that_another_has_closed(loop):
    with Peer([RECEIVE, HOLD]) as peer:
        async with Client() as client:
            answers = client.map([peer.url])

            async def wait():
                assert [answer async for answer in answers] == []

            async def close():
                await loop.sleep(0.05)
                await answers.aclose()

            await loop.all(wait(), close())


@on_every_loop
async def test_the_requests_run_in_the_context_of_whoever_asks(loop):
    name = contextvars.ContextVar("name")
    seen = []
    with one_answer() as peer:
        async with Client(hooks={"request": lambda _: seen.append(name.get())}) as client:
            name.set("mine")
            async with client.map([peer.url]) as answers:
                assert [answer.text async for answer in answers] == ["ok"]
    assert seen == ["mine"]
