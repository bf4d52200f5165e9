import torch

from psface.training.batches import grouped_batches, shuffled_batches, steps_in


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_every_row_once_in_batches_of_one_size():
    batches = shuffled_batches(70, 32, generator())
    assert [len(b) for b in batches] == [24, 23, 23]
    assert torch.cat(batches).sort().values.tolist() == list(range(70))
    assert not torch.equal(batches[0], shuffled_batches(70, 32, generator(1))[0])


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
