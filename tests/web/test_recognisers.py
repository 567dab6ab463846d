"""What is served is loaded from its folders, and nothing but a gallery of its verifier."""

import pytest

from car_recog.errors import BundleError
from car_recog.web.recognisers import load_recognisers


def test_a_verifier_is_no_classifier(served):
    with pytest.raises(BundleError, match="no classifier"):
        load_recognisers(served.verifier)


def test_any_subset_is_served(served):
    assert [one.name for one in load_recognisers(served.models).describe()] == ["parts"]
    assert [one.name for one in load_recognisers(verifier=served.verifier).describe()] == ["verifier"]
