import torch

from psface.training import batches as module
from psface.training.batches import grouped_batches, shuffled_batches, steps_in


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_every_row_once_in_batches_of_one_size():
    batches = shuffled_batches(70, 32, generator())
    assert [len(b) for b in batches] == [24, 23, 23]
    assert torch.cat(batches).sort().values.tolist() == list(range(70))
    assert not torch.equal(batches[0], shuffled_batches(70, 32, generator(1))[0])


def test_more_rows_than_are_shuffled_at_once(monkeypatch):
    monkeypatch.setattr(module, "WHOLE", 64)
    monkeypatch.setattr(module, "BLOCK", 8)
    batches = shuffled_batches(230, 10, generator())
    assert torch.cat(batches).sort().values.tolist() == list(range(230))
    order = torch.cat(batches)
    # A block's rows stay among those of eight blocks, which are not neighbours, in no order.
    for part in order.split(64)[:-1]:
        blocks = (part // 8).unique()
        assert len(blocks) <= 9 and len(blocks.diff().unique()) > 1
        assert part.diff().abs().float().mean() > 20
    again = torch.cat(shuffled_batches(230, 10, generator()))
    assert torch.equal(order, again)
    assert not torch.equal(order, torch.cat(shuffled_batches(230, 10, generator(1))))


def test_grouped_batches_hold_a_few_people_several_times():
    identities = torch.arange(40).repeat(6)[torch.randperm(240, generator=generator(5))]
    batches = grouped_batches(identities, 32, 3, generator())
    assert len(batches) == steps_in(240, 32)
    assert torch.cat(batches).sort().values.tolist() == list(range(240))
    for batch in batches:
        assert 26 <= len(batch) <= 34
        _, counts = identities[batch].unique(return_counts=True)
        assert (counts >= 3).all()


def test_grouped_batches_of_people_with_few_rows():
    identities = torch.tensor([0, 0, 0, 0, 0, 1, 2, 2, 4])  # nobody is number 3
    batches = grouped_batches(identities, 4, 2, generator())
    assert torch.cat(batches).sort().values.tolist() == list(range(9))
    assert all(len(batch) >= 2 for batch in batches)


def test_grouped_batches_against_lists():
    identities = torch.randint(0, 20, (101,), generator=generator(2))
    draw = generator(4)
    order = torch.randperm(101, generator=draw)
    groups = []
    for person in range(20):
        own = [row for row in order.tolist() if identities[row] == person]
        groups += [own[start : start + 3] for start in range(0, len(own), 3)]
    expected = [[] for _ in range(steps_in(101, 16))]
    done = 0
    for group in torch.randperm(len(groups), generator=draw).tolist():
        expected[min(done * len(expected) // 101, len(expected) - 1)] += groups[group]
        done += len(groups[group])
    found = grouped_batches(identities, 16, 3, generator(4))
    assert [batch.tolist() for batch in found] == expected
