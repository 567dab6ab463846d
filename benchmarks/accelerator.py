"""Training and predicting on whatever accelerator Keras sees: photos per second of car-recog and of the bare Keras model.

    python benchmarks/accelerator.py --backbones resnet50 mobilenet --batch-sizes 32 128 --json accelerator.json
    KERAS_BACKEND=jax python benchmarks/accelerator.py

Photos are arrays in memory, measured as in `overhead.py`. Runs on every Keras backend, also where TensorFlow is not installed. The bare
model predicts by batches of the size named; car-recog always by 64.
"""

import argparse
import json

import keras
from overhead import draw_photos, measure_fit, measure_predict
from rounds import make_parser, report

from car_recog import CarClassifier


def devices() -> list[str]:
    """What Keras computes on, by the names the makers gave."""
    if keras.backend.backend() == "jax":
        import jax

        return [device.device_kind for device in jax.devices()]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        found = tf.config.list_physical_devices("GPU") or tf.config.list_physical_devices("CPU")
        return [tf.config.experimental.get_device_details(device).get("device_name", device.device_type) for device in found]
    return keras.distribution.list_devices()


def run(args: argparse.Namespace) -> None:
    size = (args.image_size, args.image_size)
    data = draw_photos(args.photos, size)
    rows = []
    for backbone in args.backbones:
        for batch_size in args.batch_sizes:
            clf = CarClassifier(backbone, weights=None, image_size=size, backbone_options=args.options)
            what = {"backbone": backbone, "batch": batch_size}
            rows += measure_fit(clf, data, batch_size=batch_size, n_rounds=args.rounds, **what)
            rows += measure_predict(clf, data, batch_size=batch_size, n_rounds=args.rounds, **what)
            keras.utils.clear_session()
    facts = {"backend": keras.backend.backend(), "devices": devices(), "image size": args.image_size, "photos": args.photos}
    report(rows, args.json, **facts)


def main() -> None:
    parser = make_parser(__doc__, n_rounds=5)
    parser.add_argument("--backbones", nargs="+", default=["resnet50"])
    parser.add_argument("--options", type=json.loads, default={}, help="of all backbones, as JSON")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[32, 128])
    parser.add_argument("--photos", type=int, default=2048)
    run(parser.parse_args())


if __name__ == "__main__":
    main()
