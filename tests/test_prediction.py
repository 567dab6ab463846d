from types import SimpleNamespace

import numpy as np
import pytest

from car_recog.prediction import accepted


@pytest.mark.parametrize("threshold", [0.5, 12.0, -3.0])
def test_rounding_does_not_reject_a_photo_that_stood_at_the_threshold(threshold):
    logits = np.array([[threshold], [threshold - 4e-7], [threshold - 0.01]])  # of one class, so their energy is the logit itself

    found = accepted(logits, logits, SimpleNamespace(score="energy", threshold=threshold))

    assert found.tolist() == [True, True, False]
