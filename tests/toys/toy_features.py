"""A network that tells photos apart by their keys, and one run that embeds them."""

import numpy as np

from car_recog.embeddings import FeatureCache
from car_recog.storage import content_hash

KEYS = [content_hash(bytes([number])) for number in range(20)]


def features_of(keys):
    """What the network of these tests makes of photos: as many numbers as it takes to tell them apart."""
    return np.array([list(key[:3]) for key in keys], np.float32) / 7


class Network:
    """Notes which photos pass it; the one numbered `fault` ends in that error or value."""

    def __init__(self, keys, *, at=None, fault=None):
        self.keys, self.at, self.fault = keys, at, fault
        self.chunks = []

    def __call__(self, places):
        self.chunks.append(places.tolist())
        features = features_of([self.keys[place] for place in places])
        if self.at in places:
            if isinstance(self.fault, BaseException):
                raise self.fault
            features[places.tolist().index(self.at), 1] = self.fault
        return features


def embed(root, keys, network=None, *, name="net", **options):
    """Do what one run does; returns the features and the chunks that passed the network."""
    network = network or Network(keys)
    return FeatureCache(name, 3, root=root).embed(keys, network, **options), network.chunks
