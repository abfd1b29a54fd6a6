"""Tokens and roles: who is let in, who isn't, and how often one may guess."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from infra.access import WRONG_BURST, Access, Role, new_token
from infra.limiter import Limiter
from twin.errors import ConfigurationError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(tmp_path: Path) -> dict[str, str]:
    made = {role: new_token(f"{role}er", role) for role in ("read", "operate")}
    (tmp_path / "tokens").write_text("# ours\n\n" + "\n".join(line for _, line in made.values()) + "\n")
    return {role: token for role, (token, _) in made.items()}


def test_a_role_may_do_what_it_may_and_what_lesser_ones_may(tokens: dict[str, str], tmp_path: Path) -> None:
    access = Access(tmp_path / "tokens")
    table = {
        (role, needed): access.authorised(f"Bearer {tokens[role]}", "a", needed).status
        for role in tokens
        for needed in Role
    }
    assert table == {
        ("read", Role.READ): 200,
        ("read", Role.OPERATE): 403,
        ("operate", Role.READ): 200,
        ("operate", Role.OPERATE): 200,
    }
    assert access.authorised(f"bearer {tokens['read']}", "a").name == "reader"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer  ", "Basic abc", "Bearer x", "Bearer lockstep_\udcff"])
def test_anything_else_is_refused(header: str | None, tokens: dict[str, str], tmp_path: Path) -> None:
    verdict = Access(tmp_path / "tokens").authorised(header, "a")
    assert (verdict.status, verdict.name, verdict.ok) == (401, "", False)


def test_neither_hash_nor_line_is_a_token(tokens: dict[str, str], tmp_path: Path) -> None:
    access = Access(tmp_path / "tokens")
    line = (tmp_path / "tokens").read_text().splitlines()[2]
    for shown in (line, line.split()[-1], line.rpartition(":")[2]):
        assert access.authorised(f"Bearer {shown}", shown).status == 401


def test_without_a_file_nobody_gets_in(tmp_path: Path) -> None:
    assert Access(None).authorised("Bearer x", "a").status == 401
    with pytest.raises(ConfigurationError, match="LOCKSTEP_TOKENS_FILE"):
        Access(tmp_path / "nowhere")


def test_the_file_holds_no_token(tokens: dict[str, str], tmp_path: Path) -> None:
    text = (tmp_path / "tokens").read_text()
    assert not any(token in text for token in tokens.values())
    assert hashlib.sha256(tokens["read"].encode()).hexdigest() in text
    assert len(set(tokens.values()) | {new_token("x", "read")[0]}) == 3


def test_a_line_taken_out_counts_at_once(tokens: dict[str, str], tmp_path: Path) -> None:
    access = Access(tmp_path / "tokens")
    assert access.authorised(f"Bearer {tokens['read']}", "a").ok
    (tmp_path / "tokens").write_text("")
    assert access.authorised(f"Bearer {tokens['read']}", "a").status == 401


def test_a_file_broken_or_gone_while_running_gives_nobody_a_right(tokens: dict[str, str], tmp_path: Path) -> None:
    access = Access(tmp_path / "tokens")
    before = (tmp_path / "tokens").read_text()
    (tmp_path / "tokens").write_text(before + "nonsense\n")
    assert access.authorised(f"Bearer {tokens['read']}", "a").status == 401
    (tmp_path / "tokens").unlink()
    assert access.authorised(f"Bearer {tokens['read']}", "a").status == 401
    (tmp_path / "tokens").write_text(before)
    assert access.authorised(f"Bearer {tokens['read']}", "a").ok


@pytest.mark.parametrize("line", ["x read", "x read sha256:12", "x root sha256:" + 64 * "0", "x read md5:" + 32 * "0"])
def test_a_line_that_is_none_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(f"#\n{line}\n")
    with pytest.raises(ConfigurationError, match="line 2"):
        Access(tmp_path / "tokens")


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("\n".join(new_token("x", "read")[1] for _ in range(2)))
    with pytest.raises(ConfigurationError, match="already"):
        Access(tmp_path / "tokens")


@pytest.mark.parametrize(("name", "role"), [("", "read"), ("a b", "read"), ("x" * 65, "read"), ("x", "admin")])
def test_a_name_or_role_that_cannot_be(name: str, role: str) -> None:
    with pytest.raises(ConfigurationError):
        new_token(name, role)


def test_who_guesses_must_wait_and_others_need_not(tokens: dict[str, str], tmp_path: Path, clock: Clock) -> None:
    access = Access(tmp_path / "tokens", clock)
    good = f"Bearer {tokens['read']}"
    assert [access.authorised("Bearer no", "thief").status for _ in range(WRONG_BURST + 1)][-2:] == [401, 429]
    locked = access.authorised(good, "thief")
    assert locked.status == 429
    assert locked.retry_after_s >= 1
    assert access.authorised(good, "friend").ok
    clock.now += locked.retry_after_s
    assert access.authorised(good, "thief").ok


def test_a_limiter_lets_the_rate_and_the_burst_through(clock: Clock) -> None:
    limiter = Limiter(10, 5, clock)
    assert sum(limiter.take("a") for _ in range(100)) == 5
    assert limiter.take("b")
    for _ in range(1000):
        clock.now += 0.01
        limiter.take("a")
    taken = 0
    for _ in range(1000):
        clock.now += 0.01
        taken += limiter.take("a")
    assert taken == pytest.approx(100, abs=1)


def test_a_limiter_keeps_few_keys_and_a_clock_that_steps_back_gives_nothing(clock: Clock) -> None:
    limiter = Limiter(1, 2, clock, most_keys=10)
    for n in range(1000):
        limiter.take(str(n))
    assert len(limiter) == 10
    limiter.take("999")
    clock.now -= 100
    assert not limiter.take("999")
    assert Limiter(0, 1, clock).take("x")
