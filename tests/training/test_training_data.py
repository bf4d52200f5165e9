import numpy as np
import torch

from psface.training.training_data import Part, together


def test_parts_together_keep_their_people_apart():
    first = Part(np.array([4, 5, 9]), np.array([0, 0, 1]), 2, {"a": torch.tensor([0, 1, -1])})
    second = Part(np.array([1, 2]), np.array([0, 1]), 2, {"a": torch.tensor([1, 0])})
    both = together(first, second)
    assert both.rows.tolist() == [4, 5, 9, 1, 2] and both.people == 4
    assert both.identities.tolist() == [0, 0, 1, 2, 3]
    assert both.labels["a"].tolist() == [0, 1, -1, 1, 0]
