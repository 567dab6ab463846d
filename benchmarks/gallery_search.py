"""Searching a gallery: NumPy and faiss, which compare with every photo, against a graph (HNSW) that does not.

    python benchmarks/gallery_search.py --photos 10000 100000 1000000 --json gallery_search.json

Embeddings are drawn, not made by a network. Each of 100,000 identities has a centre: the unit vector along z W, where z holds `--latent`
normal numbers and W is one normal matrix of `--latent` x 128 for all; so centres vary in so many directions, as those of trained networks
vary in fewer than they have numbers. A photo is of an identity drawn at random: the unit vector along centre + 0.6 g, where g is normal
with mean length 1 in all 128 directions. Two photos of one identity have a cosine of about 0.74. Queries are further photos of enrolled
identities. `--latent 128` is the hardest case for a graph: centres that lie evenly all around.

Photos are compared as a verifier of cars compares them, scaled by a cohort of 1,024 of the identities, or with --plain by cosine alone.

Each side is timed on one query after another, and on all queries at once. Recall@10 is the share of the ten best photos that a side finds.
Memory is what the process grew by while the side was built, its own copy of the rows in it; faiss has one more.
"""

import argparse
import gc
import os
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from rounds import Row, make_parser, report, spread, time_rounds

from car_recog.cohort import MAX_CARS, Cohort
from car_recog.galleries.index import NameIndex
from car_recog.search import load_faiss

DIM, SPREAD, K = 128, 0.6, 10
SIDES = {"NumPy exact": "exact", "faiss exact": "faiss", "HNSW": "hnsw"}


def unit(rows: np.ndarray) -> np.ndarray:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def draw_embeddings(
    n_photos: int, n_queries: int, *, n_identities: int, latent: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw enrolled photos, queries and the centres of identities; see the top of this file."""
    rng = np.random.default_rng(seed)
    directions = rng.standard_normal((latent, DIM), np.float32)
    centres = unit(rng.standard_normal((n_identities, latent), np.float32) @ directions)

    def photos_of(identities: np.ndarray) -> np.ndarray:
        noise = rng.standard_normal((len(identities), DIM), np.float32) * np.float32(SPREAD / DIM**0.5)
        return unit(centres[identities] + noise)

    enrolled = rng.integers(0, n_identities, n_photos)
    return photos_of(enrolled), photos_of(rng.choice(enrolled, n_queries)), centres


def memory() -> float | None:
    """MiB that this process holds, where the system tells."""
    statm = Path("/proc/self/statm")
    gc.collect()
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20 if statm.exists() else None


def build(kind: str, cohort: Cohort | None, rows: np.ndarray) -> tuple[NameIndex, Row]:
    network = SimpleNamespace(embedding_dim=DIM, is_metric=True)
    before, start = memory(), time.perf_counter()
    index = NameIndex(SimpleNamespace(config=network, cohort=cohort, score_embeddings=None), kind)
    index.add(rows, [0] * len(rows))
    index.nearest(rows[:1], K)  # faiss is filled by the first search
    seconds, after = time.perf_counter() - start, memory()
    return index, {"build s": seconds, "memory MiB": None if before is None or after is None else round(after - before)}


def measure(n_photos: int, args: argparse.Namespace) -> list[Row]:
    rows, queries, centres = draw_embeddings(n_photos, args.queries, n_identities=args.identities, latent=args.latent)
    cohort = None if args.plain else Cohort(centres[:MAX_CARS])
    built = {side: build(kind, cohort, rows) for side, kind in SIDES.items()}

    def one_by_one(index: NameIndex) -> None:
        for query in queries[: args.single_queries]:
            index.nearest(query[None], K)

    batches = time_rounds({side: lambda index=index: index.nearest(queries, K) for side, (index, _) in built.items()}, args.rounds)
    singles = time_rounds({side: lambda index=index: one_by_one(index) for side, (index, _) in built.items()}, args.rounds)
    true = built["NumPy exact"][0].nearest(queries, K)
    made = []
    for side, (index, facts) in built.items():
        found = index.nearest(queries, K)
        recall = float(np.mean([np.isin(some, best).mean() for some, best in zip(found, true, strict=True)]))
        made.append(
            {
                "photos": n_photos,
                "side": side,
                "ms a query, in a batch": spread([1000 * seconds / len(queries) for seconds in batches[side]]),
                "ms a query, alone": spread([1000 * seconds / args.single_queries for seconds in singles[side]]),
                "recall@10": recall,
                **facts,
            }
        )
    return made


def main() -> None:
    parser = make_parser(__doc__, n_rounds=3)
    parser.add_argument("--photos", nargs="+", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--identities", type=int, default=100_000)
    parser.add_argument("--latent", type=int, default=32, help="directions in which identities differ")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--plain", action="store_true", help="compare by cosine alone")
    parser.add_argument("--single-queries", type=int, default=100)
    args = parser.parse_args()
    faiss = load_faiss()
    rows = [row for n_photos in args.photos for row in measure(n_photos, args)]
    facts = {
        "identities": args.identities,
        "latent": args.latent,
        "queries": args.queries,
        "scaled": not args.plain,
        "faiss": faiss.__version__,
    }
    report(rows, args.json, threads=faiss.omp_get_max_threads(), **facts)


if __name__ == "__main__":
    main()
