"""Small sets for tensorflow-datasets to prepare; importing this module registers them there."""

import hashlib

import numpy as np
import tensorflow_datasets as tfds

#: Nothing listens there: the connection is refused at once, with or without a network.
URL = "http://127.0.0.1:9/tiny.bin"
FILE_CONTENT = b"tiny"


def picture(key, shape=(4, 6, 3)):
    """The image of example `key`: random, but always the same."""
    return np.random.Generator(np.random.Philox(key)).integers(256, size=shape).astype(np.uint8)


class Tiny(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.2.3")
    SKIP_REGISTRATION = True
    SIZES = {"train": 60, "test": 7}  # noqa: RUF012
    FEATURES = {"image": tfds.features.Image(shape=(4, 6, 3)), "label": tfds.features.ClassLabel(num_classes=5)}  # noqa: RUF012

    def _info(self):
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(self.FEATURES))

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split, n) for split, n in self.SIZES.items()}

    def _generate_examples(self, split, n):
        first = {"train": 0, "validation": 1000, "test": 2000}[split]
        for key in range(first, first + n):
            yield key, {"image": picture(key), "label": key % 5}


class TinySet(Tiny):
    SKIP_REGISTRATION = False


class TinyWithValidation(Tiny):
    SKIP_REGISTRATION = False
    SIZES = {"train": 12, "validation": 3, "test": 2}  # noqa: RUF012


class TinyUnlabelled(Tiny):
    SKIP_REGISTRATION = False
    SIZES = {"train": 12}  # noqa: RUF012
    FEATURES = {"image": tfds.features.Image(shape=(4, 6, 3))}  # noqa: RUF012

    def _generate_examples(self, split, n):
        for key in range(n):
            yield key, {"image": picture(key)}


class TinyOfAnySize(Tiny):
    SKIP_REGISTRATION = False
    FEATURES = {"image": tfds.features.Image(shape=(None, None, 3))}  # noqa: RUF012


class TinyDeep(Tiny):
    SKIP_REGISTRATION = False
    FEATURES = {"image": tfds.features.Image(shape=(4, 6, 1), dtype=np.uint16)}  # noqa: RUF012


class TinyText(Tiny):
    SKIP_REGISTRATION = False
    FEATURES = {"text": tfds.features.Text()}  # noqa: RUF012


class TinyHalfLabelled(Tiny):
    SKIP_REGISTRATION = False

    def _generate_examples(self, split, n):
        for key in range(n):
            yield key, {"image": picture(key), "label": -1 if split == "test" else 0}


class TinyRemote(Tiny):
    SKIP_REGISTRATION = False
    url_infos = {  # noqa: RUF012
        URL: tfds.core.download.checksums.UrlInfo(
            size=len(FILE_CONTENT), checksum=hashlib.sha256(FILE_CONTENT).hexdigest(), filename="tiny.bin"
        )
    }

    def _split_generators(self, dl_manager):
        assert dl_manager.download(URL).read_bytes() == FILE_CONTENT
        return super()._split_generators(dl_manager)


class TinyBroken(Tiny):
    SKIP_REGISTRATION = False

    def _generate_examples(self, split, n):
        raise RuntimeError("the archive\nis broken")
        yield


class TinyByHand(Tiny):
    SKIP_REGISTRATION = False
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Fetch tiny.zip from\n  its home page."
