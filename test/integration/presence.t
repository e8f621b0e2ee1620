#!/usr/bin/python3 -B
"""Who is online: the list on connecting, and every change after it."""
import random

from chat import *


@test("one who goes, politely or not, is told as user-left once")
async def _(server):
    ann = await Client.connect(server, "Ann")
    polite = await Client.connect(server, "Polite")
    await polite.close()
    await ann.expect("user-left", sender={"id": polite.id, "name": "Polite"})
    rude = await asyncio.to_thread(Raw, server, "Rude")
    id = (await ann.expect("user-join", sender={"name": "Rude"}))["sender"]["id"]
    rude.abort()
    await ann.expect("user-left", sender={"id": id, "name": "Rude"})
    await ann.round_trip()
    equal(online(ann), {ann.id: "Ann"})
    equal(len(ann.has("user-left")), 2)
    await ann.close()


@test("two with one name are two users, and one of them goes")
async def _(server):
    ann = await Client.connect(server, "Ann")
    twins = await connect_all(server, "Twin", "Twin")
    assert twins[0].id != twins[1].id
    for each in twins:
        await ann.expect("user-join", sender={"id": each.id, "name": "Twin"})
    await twins[0].close()
    await ann.expect("user-left", sender={"id": twins[0].id})
    equal(online(ann), {ann.id: "Ann", twins[1].id: "Twin"})
    await twins[1].close()
    await ann.close()


@test("while many come and go, everybody's list is right: no miss, no duplicate, no ghost")
async def _(server):
    choice = random.Random(1)
    stay = []

    async def come_and_go(number):
        for turn in range(6):
            client = await Client.connect(server, f"{number}.{turn}", settle=False)
            if turn == 3:
                stay.append(client)
                return
            await leave_anyhow(client, choice)

    first = await Client.connect(server, "First")
    await asyncio.gather(*(come_and_go(number) for number in range(25)))
    clients = [first, *stay]
    expected = {each.id: each.name for each in clients}
    equal(len(expected), 26)
    for each in clients:
        await until_async(lambda: online(each) == expected, f"the list of {each.name} is right")
    late = await Client.connect(server, "Late")
    equal(online(late), {**expected, late.id: "Late"})
    for each in clients:
        await each.expect("user-join", sender={"id": late.id})
    for each in (*clients, late):
        await each.close()


@test("a connection that ends right after the upgrade leaves nothing behind")
async def _(server):
    ann = await Client.connect(server, "Ann")
    for i in range(50):
        flash = Raw(server, "Flash", upgrade=False)
        flash.send(upgrade_request(f"Flash {i}"))
        if i % 2:
            flash.abort()
        else:
            flash.close()
    await until_async(lambda: server.metric("chatd_clients") == 1, "one client")
    await until_async(lambda: server.metric("chatd_users_online") == 1, "one user")
    await until_async(lambda: online(ann) == {ann.id: "Ann"}, "Ann alone")
    await ann.close()


run()
