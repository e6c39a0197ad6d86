def test_the_admin_is_found_without_its_slash(client) -> None:
    answer = client.get("/admin?next=x")

    assert (answer.status_code, answer["Location"]) == (302, "/admin/?next=x")
