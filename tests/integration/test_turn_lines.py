"""Lines of a turn of the event loop go out together; nothing else waits."""

import asyncio
import io

from service.turn_lines import TurnLines


class Recorded(io.StringIO):
    """Each write for itself."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return len(text)


def test_lines_of_a_turn_are_written_at_its_end_in_their_order():
    stream = Recorded()
    lines = TurnLines(stream)

    async def two_turns() -> None:
        lines.write("a\n")
        lines.write("b\n")
        lines.flush()
        assert stream.writes == []
        await asyncio.sleep(0)
        assert stream.writes == ["a\nb\n"]
        lines.write("c\n")

    asyncio.run(two_turns())
    assert stream.writes == ["a\nb\n", "c\n"]


def test_lines_outside_the_loop_are_written_at_once():
    stream = Recorded()
    lines = TurnLines(stream)

    async def in_a_thread() -> None:
        lines.write("of the loop\n")
        await asyncio.to_thread(lines.write, "of a thread\n")

    lines.write("before\n")
    asyncio.run(in_a_thread())
    assert sorted(stream.writes) == ["before\n", "of a thread\n", "of the loop\n"]
