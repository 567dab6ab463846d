"""StreetNet keeps the contract of a car-recog backbone."""

from car_recog import get_backbone
from car_recog.testing import check_backbone


def test_it_keeps_the_contract():
    check_backbone("street_net")


def test_it_keeps_the_contract_with_options():
    check_backbone("street_net", widths=[8, 16, 24, 32], dropout=0.2)


def test_each_block_halves_the_photo():
    model = get_backbone("street_net").build_checked(weights=None, image_size=(160, 160))

    shape = model.compute_output_shape((1, 160, 160, 3))

    assert tuple(shape) == (1, 10, 10, 192)
