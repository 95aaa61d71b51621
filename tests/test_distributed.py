import pytest

from facelattice.distributed import count, gather, is_main, share


def test_single_process(monkeypatch):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert (count(), is_main()) == (1, True)
    assert share(range(5)) == gather([0, 1, 2, 3, 4]) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("number", [0, 2, 7])
def test_each_item_belongs_to_one_process(monkeypatch, number):
    monkeypatch.setenv("WORLD_SIZE", "3")
    items: list[int] = []
    for rank in range(3):
        monkeypatch.setenv("RANK", str(rank))
        assert is_main() == (rank == 0)
        items += share(range(number))
    assert sorted(items) == list(range(number))
