"""Steps on some rows are those of AdamW on these rows alone; and sampled centres."""

import pytest
import torch
from torch import nn

from psface.training.objective import build_head
from psface.training.row_adamw import RowAdamW
from tests.packed_faces import small_params

OPTIONS = {"lr": 0.1, "weight_decay": 0.3, "betas": (0.8, 0.9)}


@pytest.mark.parametrize("fused", [False, True])
def test_each_row_moves_as_under_adamw_with_its_own_steps(fused):
    torch.manual_seed(0)
    start = torch.randn(4, 3)
    together, plain = nn.Parameter(start.clone()), nn.Parameter(torch.ones(2))
    alone = [nn.Parameter(row.clone()) for row in start]
    rows = RowAdamW([together, plain], fused=fused, **OPTIONS)
    each = [torch.optim.AdamW([row], **OPTIONS) for row in alone]
    for chosen in ([0, 1], [1], [1, 3], [0, 1, 3], [3, 3]):
        rows.zero_grad()
        target = torch.randn(len(chosen), 3)
        picked = nn.functional.embedding(torch.tensor(chosen), together, sparse=True)
        ((picked - target).square().sum() + plain.sum()).backward()
        rows.step()
        for index in set(chosen):
            alone[index].grad = None
            loss = [
                (alone[i] - t).square().sum()
                for i, t in zip(chosen, target, strict=True)
                if i == index
            ]
            sum(loss).backward()
            each[index].step()
    torch.testing.assert_close(together.detach(), torch.stack([row.detach() for row in alone]))
    assert torch.equal(together[2], start[2]) and (plain < 1).all()


def test_it_goes_on_from_its_state():
    def steps(optimizer, weight, count):
        for _ in range(count):
            optimizer.zero_grad()
            picked = nn.functional.embedding(torch.tensor([1]), weight, sparse=True)
            picked.square().sum().backward()
            optimizer.step()

    whole, first = (nn.Parameter(torch.ones(3, 2)) for _ in range(2))
    steps(RowAdamW([whole], fused=True), whole, 5)
    half = RowAdamW([first], fused=True)
    steps(half, first, 2)
    other = RowAdamW([first], fused=True)
    other.load_state_dict(half.state_dict())
    steps(other, first, 3)
    assert torch.equal(whole, first)


def head_with(share: float, classes: int = 200):
    torch.manual_seed(1)
    params = small_params(**{"train.head": "cosface", "train.sample_centres": share}).train
    return build_head(params, 8, torch.ones(classes)).train()


def test_a_step_compares_with_the_batchs_people_and_a_sample_of_the_others():
    head = head_with(0.1)
    labels = torch.tensor([7, 7, 199, 0])
    seen = torch.zeros(200)
    for _ in range(100):
        head.zero_grad()
        head(torch.randn(4, 8), labels).backward()
        used = head.centres.grad.coalesce().indices()[0]
        assert len(used) == 20 and {0, 7, 199} <= set(used.tolist())
        seen[used] += 1
    others = seen[~torch.isin(torch.arange(200), labels)]
    assert others.min() > 0 and others.max() < 30  # about 100 * 17 / 197


def test_more_people_in_a_batch_than_are_sampled():
    head = head_with(0.01)
    loss = head(torch.randn(50, 8), torch.arange(50))
    loss.backward()
    assert torch.isfinite(loss) and len(head.centres.grad.coalesce().indices()[0]) == 50


def test_the_loss_is_that_of_the_sampled_classes_alone():
    head = head_with(0.3, classes=20)
    labels, x = torch.tensor([3, 11, 3]), torch.randn(3, 8)
    head.zero_grad()
    loss = head(x, labels)
    loss.backward()
    used = head.centres.grad.coalesce().indices()[0]
    few = head_with(1.0, classes=len(used))
    few.centres.data = head.centres.data[used]
    again = few(x, torch.tensor([used.tolist().index(k) for k in labels]))
    assert loss.item() == pytest.approx(again.item(), rel=1e-6)


def test_triplets_have_no_centres_to_sample():
    with pytest.raises(ValueError, match="sample_centres must be 1 for triplet"):
        small_params(**{"train.head": "triplet", "train.sample_centres": 0.5})


def test_parts_of_a_batch_that_are_too_small_are_refused():
    with pytest.raises(ValueError, match="accumulate=3 needs a batch_size of at least 12"):
        small_params(**{"train.accumulate": 3})
