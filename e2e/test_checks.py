"""/test-suite in a browser: each check by itself, and the socket's from here."""

from __future__ import annotations

from playwright.sync_api import Page, expect


def test_the_door_and_the_socket_answer(board: Page):
    board.goto("/test-suite")
    door = board.locator('[data-check="Webhook"]')
    door.get_by_role("button").click()
    expect(door).to_contain_text("took a simulated tool call and answered")
    expect(door).to_have_attribute("data-state", "ok")

    socket = board.locator("[data-socket]")
    socket.get_by_role("button").click()
    expect(socket).to_contain_text("A message went to the server and back")
    expect(board.locator("[data-sum]")).to_contain_text("2 in order, 0 not")


def test_a_socket_that_does_not_answer_says_what_to_do(board: Page):
    board.goto("/test-suite")
    board.route_web_socket("**/ws/live", lambda line: line.close())
    board.reload()

    socket = board.locator("[data-socket]")
    socket.get_by_role("button").click()
    expect(socket).to_contain_text("/ws/ must be passed on")
    expect(socket).to_have_attribute("data-state", "bad")
