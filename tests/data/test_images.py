"""Images from every source, and batches of them."""

import gzip
import io
import pickle
import struct
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.core.errors import DataError, MissingExtraError, UnsafeFileError
from archwright.core.rng import derive
from archwright.data.images import load_images, make_images, normalised_batch

Image = pytest.importorskip("PIL.Image")

RNG_X = derive(0, "pixels").integers(0, 256, (30, 6, 5, 3), dtype=np.uint8)
LABELS = np.arange(30) % 3


def one_line(error):
    message = str(error.value)
    assert "\n" not in message
    return message


# In memory


def test_a_pair_of_arrays_is_taken_as_it_is():
    images = load_images((RNG_X, LABELS))
    assert images.x.tobytes() == RNG_X.tobytes()
    assert images.y.dtype == np.int64
    assert images.classes == ("0", "1", "2")
    assert (images.shape.channels, images.shape.height, images.shape.width, images.shape.classes) == (3, 6, 5, 3)


@pytest.mark.parametrize("layout", [(0, 1, 2, 3), (0, 3, 1, 2)])
def test_channels_are_found_first_or_last(layout):
    assert np.array_equal(load_images((RNG_X.transpose(layout), LABELS)).x, RNG_X)


def test_grey_images_need_no_axis_of_channels():
    assert load_images((RNG_X[..., 0], LABELS)).x.shape == (30, 6, 5, 1)


def test_labels_may_be_texts():
    images = load_images((RNG_X, np.array(["b", "a"] * 15)))
    assert images.classes == ("a", "b")
    assert images.y[:2].tolist() == [1, 0]


def test_labels_with_gaps_become_numbers_without():
    images = load_images((RNG_X, LABELS * 7 + 1))
    assert np.array_equal(images.y, LABELS)
    assert images.classes == ("1", "8", "15")


@pytest.mark.parametrize("prefix", ["x_{}", "{}_x", "images_{}", "{}_images"])
def test_parts_are_found_by_the_names_in_use(prefix):
    label = prefix.replace("x", "y").replace("images", "labels")
    arrays = {prefix.format("train"): RNG_X[:20], label.format("train"): LABELS[:20]}
    arrays |= {prefix.format("test"): RNG_X[20:], label.format("test"): LABELS[20:]}
    assert len(load_images(arrays)) == len(load_images(arrays, split="train")) == 20
    assert np.array_equal(load_images(arrays, split="test").x, RNG_X[20:])


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (RNG_X, LABELS[:-1], "one label per image"),
        (RNG_X, LABELS + 0.5, "whole numbers or texts"),
        (RNG_X, LABELS * 0, "two classes or more"),
        (RNG_X[0], LABELS, "one label per image"),
        (RNG_X.reshape(30, -1), LABELS, "[30, 90]"),
        (np.full((30, 4, 4), np.nan), LABELS, "finite"),
        (np.full((30, 4, 4), 300), LABELS, "0 to 255"),
        (np.empty((30, 0, 4)), LABELS, "one pixel"),
        (np.empty((0, 4, 4)), LABELS[:0], "no images"),
        (np.empty(30, dtype=object), LABELS, "Python objects"),
    ],
)
def test_what_is_no_image_data_is_refused_in_one_line(x, y, said):
    with pytest.raises(DataError) as error:
        load_images((x, y))
    assert said in one_line(error)


def test_labels_must_be_numbers_into_the_classes_that_are_given():
    with pytest.raises(DataError, match=r"0\.\.1.*one is 2"):
        make_images(RNG_X, LABELS, origin="here", classes=["a", "b"])


def test_something_else_in_memory_is_refused():
    with pytest.raises(DataError, match="cannot read images from a int"):
        load_images(3)


# Batches


@settings(max_examples=30, deadline=None)
@given(size=st.integers(1, 30), seed=st.integers(0, 99), balanced=st.booleans())
def test_a_batch_holds_different_images_with_their_classes(size, seed, balanced):
    images = load_images((RNG_X, LABELS))
    x, y = normalised_batch(images, size, rng=derive(seed, "batch"), balanced=balanced)
    assert (x.shape, x.dtype, y.dtype) == ((size, 3, 6, 5), np.float32, np.int64)
    mean, std = images.mean_std
    rows = [np.abs(x * std[:, None, None] + mean[:, None, None] - each / 255).max((1, 2, 3)) for each in _first()]
    places = np.argmin(np.stack(rows), axis=0)
    assert len(set(places.tolist())) == size
    assert np.array_equal(y, LABELS[places])
    if balanced:
        assert np.ptp(np.bincount(y, minlength=3)) <= 1


def _first():
    return RNG_X.transpose(0, 3, 1, 2)[:, None]


def test_the_same_generator_draws_the_same_batch():
    images = load_images((RNG_X, LABELS))
    first, again = (normalised_batch(images, 8, rng=derive(1, "batch"))[0] for _ in range(2))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != normalised_batch(images, 8, rng=derive(2, "batch"))[0].tobytes()


@pytest.mark.parametrize("pixels", [RNG_X, RNG_X.astype(np.float32) * 1000 + 1e6])
def test_channels_of_all_images_have_mean_zero_and_spread_one(pixels):
    x, _ = normalised_batch(load_images((pixels, LABELS)), 30, rng=derive(0, "batch"))
    np.testing.assert_allclose(x.mean((0, 2, 3)), 0, atol=1e-3)
    np.testing.assert_allclose(x.std((0, 2, 3)), 1, atol=1e-3)


def test_a_channel_that_is_the_same_everywhere_becomes_zero():
    pixels = RNG_X.copy()
    pixels[..., 1] = 7
    x, _ = normalised_batch(load_images((pixels, LABELS)), 4, rng=derive(0, "batch"))
    assert not x[:, 1].any()
    assert np.isfinite(x).all()


def test_statistics_are_the_same_in_blocks(monkeypatch):
    whole = load_images((RNG_X, LABELS)).mean_std
    monkeypatch.setattr("archwright.data.images._BLOCK", 7)
    np.testing.assert_allclose(load_images((RNG_X, LABELS)).mean_std, whole, rtol=1e-12)
    np.testing.assert_allclose(whole[0], RNG_X.mean((0, 1, 2)) / 255, rtol=1e-12)
    np.testing.assert_allclose(whole[1], RNG_X.std((0, 1, 2)) / 255, rtol=1e-12)


@pytest.mark.parametrize("size", [0, 31])
def test_a_batch_must_fit(size):
    with pytest.raises(DataError, match="1 to 30"):
        normalised_batch(load_images((RNG_X, LABELS)), size, rng=derive(0, "batch"))


def test_a_balanced_batch_needs_enough_of_each_class():
    images = load_images((RNG_X[:11], np.arange(11) == 3))
    with pytest.raises(DataError, match=r"takes 5 images of class 'True'.*has 1"):
        normalised_batch(images, 10, rng=derive(0, "batch"), balanced=True)


# .npz


def test_an_npz_file_gives_its_arrays(tmp_path):
    np.savez(tmp_path / "a.npz", x=RNG_X, y=LABELS, classes=np.array(["c", "a", "t"]))
    images = load_images(tmp_path / "a.npz")
    assert np.array_equal(images.x, RNG_X)
    assert images.classes == ("c", "a", "t")


def test_objects_in_an_npz_file_are_refused_and_not_unpickled(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("code of a data file was run",))

    np.savez(tmp_path / "a.npz", x=np.array([Bomb()], dtype=object), y=LABELS[:1])
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Bomb()))
    for name in ("a.npz", "b.npz"):
        with pytest.raises(UnsafeFileError) as error:
            load_images(tmp_path / name)
        assert "pickled Python objects" in one_line(error)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"pixels": RNG_X}, "but holds pixels"),
        ({"x": RNG_X}, "array 'y'"),
        ({"x_train": RNG_X, "y_test": LABELS}, "array 'y_train'"),
        ({"jpeg": RNG_X.ravel(), "label": LABELS}, "array 'offset'"),
        ({"jpeg": RNG_X.ravel(), "offset": np.arange(30), "label": LABELS}, "31 offsets"),
        ({"jpeg": RNG_X.ravel(), "offset": np.arange(31)[::-1], "label": LABELS}, "never fall"),
        ({"jpeg": RNG_X.ravel(), "offset": np.arange(31), "label": LABELS}, "image 0 of"),
    ],
)
def test_an_npz_file_of_another_layout_is_refused_in_one_line(tmp_path, arrays, said):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError) as error:
        load_images(tmp_path / "a.npz")
    assert said in one_line(error)


def test_a_part_that_an_npz_file_lacks_is_named(tmp_path):
    np.savez(tmp_path / "a.npz", x=RNG_X, y=LABELS)
    with pytest.raises(DataError, match="'test'"):
        load_images(tmp_path / "a.npz", split="test")


@pytest.mark.parametrize("keep", [0, 10, 100])
def test_a_damaged_npz_file_is_refused(tmp_path, keep):
    np.savez(tmp_path / "whole.npz", x=RNG_X, y=LABELS)
    (tmp_path / "a.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:keep])
    with pytest.raises(DataError) as error:
        load_images(tmp_path / "a.npz")
    one_line(error)


def encoded(array, format="PNG"):
    file = io.BytesIO()
    Image.fromarray(array.squeeze()).save(file, format)
    return file.getvalue()


def test_encoded_images_in_an_npz_file_are_decoded(tmp_path):
    parts = [encoded(each) for each in RNG_X]
    offset = np.cumsum([0, *map(len, parts)])
    jpeg = np.frombuffer(b"".join(parts), np.uint8)
    np.savez(tmp_path / "a.npz", train_jpeg=jpeg, train_offset=offset, train_label=LABELS)
    assert np.array_equal(load_images(tmp_path / "a.npz").x, RNG_X)
    some = load_images(tmp_path / "a.npz", most=7)
    assert len(some) == 7
    assert all(
        any(np.array_equal(x, RNG_X[k]) and y == LABELS[k] for k in range(30))
        for x, y in zip(some.x, some.y, strict=True)
    )


def test_cifar_as_jpeg_bytes(shared_data):
    images = load_images(shared_data / "images" / "cifar10_jpeg_10k_2k.npz", split="test")
    assert images.x.shape == (2000, 32, 32, 3)
    assert np.bincount(images.y).tolist() == [200] * 10
    assert images.classes[6] == "frog"
    some = load_images(shared_data / "images" / "cifar10_jpeg_10k_2k.npz", most=2000)
    # Published in the data's own notes, for all 10,000 training images.
    np.testing.assert_allclose(some.mean_std[0], [0.493, 0.483, 0.447], atol=0.01)


def test_mnist_as_arrays(shared_data):
    images = load_images(shared_data / "images" / "mnist_t10k.npz")
    assert np.bincount(images.y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


# Folders


def folder_of(root, images, *, classes=("b", "a"), format="png"):
    for k, image in enumerate(images):
        path = root / classes[k % len(classes)] / f"{k}.{format}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(image, format.upper()))
    return root


def test_a_folder_has_a_class_per_sub_folder(tmp_path):
    (folder_of(tmp_path, RNG_X[:6]) / "b" / "notes.txt").write_text("no image")
    (tmp_path / ".hidden").mkdir()
    images = load_images(str(tmp_path))
    assert images.classes == ("a", "b")
    assert images.y.tolist() == [0, 0, 0, 1, 1, 1]
    assert np.array_equal(images.x, RNG_X[[1, 3, 5, 0, 2, 4]])


def test_a_folder_may_have_parts(tmp_path):
    folder_of(tmp_path / "train", RNG_X[:6])
    folder_of(tmp_path / "val", RNG_X[6:10])
    assert len(load_images(tmp_path)) == len(load_images(tmp_path, split="train")) == 6
    assert len(load_images(tmp_path, split="test")) == 4


def test_a_class_may_be_called_train(tmp_path):
    assert load_images(folder_of(tmp_path, RNG_X[:6], classes=("train", "car"))).classes == ("car", "train")


def test_grey_and_coloured_images_together_are_coloured(tmp_path):
    folder_of(tmp_path, [RNG_X[0][..., 0], RNG_X[1], RNG_X[2], RNG_X[3][..., 0]])
    images = load_images(tmp_path)
    assert images.x.shape == (4, 6, 5, 3)
    assert np.array_equal(images.x[2], np.repeat(RNG_X[0][..., :1], 3, axis=2))
    assert load_images(folder_of(tmp_path / "grey", [x[..., 0] for x in RNG_X[:4]])).x.shape[-1] == 1


def test_images_of_several_sizes_need_resizing(tmp_path):
    folder_of(tmp_path, [RNG_X[0], RNG_X[1], RNG_X[2][:4]])
    with pytest.raises(DataError) as error:
        load_images(tmp_path)
    assert "--resize 6" in one_line(error)
    assert load_images(tmp_path, resize=8).x.shape == (3, 8, 8, 3)
    assert load_images(tmp_path, resize=(4, 7)).x.shape == (3, 4, 7, 3)
    with pytest.raises(DataError, match="at least 1"):
        load_images(tmp_path, resize=0)


def test_at_most_so_many_images_are_read(tmp_path):
    folder_of(tmp_path, RNG_X)
    first, again = load_images(tmp_path, most=9), load_images(tmp_path, most=9)
    assert len(first) == 9
    assert first.classes == ("a", "b")
    assert np.array_equal(first.x, again.x)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no images"):
        load_images(tmp_path)
    (tmp_path / "a").mkdir()
    with pytest.raises(DataError, match="must hold an image"):
        load_images(tmp_path)
    (tmp_path / "a").rmdir()
    (tmp_path / "1.png").write_bytes(encoded(RNG_X[0]))
    with pytest.raises(DataError, match="no sub-folders"):
        load_images(tmp_path)


def test_a_file_that_is_no_image_is_named(tmp_path):
    (folder_of(tmp_path, RNG_X[:4]) / "a" / "9.png").write_bytes(b"no image")
    with pytest.raises(DataError) as error:
        load_images(tmp_path)
    assert "9.png is no image" in one_line(error)


def test_an_image_of_sixteen_bits_is_refused(tmp_path):
    folder_of(tmp_path, [RNG_X[0], np.zeros((6, 5), np.uint16)])
    with pytest.raises(DataError, match="eight bits"):
        load_images(tmp_path)


def test_a_missing_source_has_a_suggestion(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="Did you mean"):
        load_images(tmp_path / "imagse")


def test_without_pillow_it_is_said_what_to_install(tmp_path, monkeypatch):
    import sys

    folder_of(tmp_path, RNG_X[:4])
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'archwright\[images\]'"):
        load_images(tmp_path)


def test_arrays_need_no_pillow(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "PIL", None)
    assert len(load_images((RNG_X, LABELS))) == 30


# CIFAR's binary files


def cifar(n, label_bytes=1):
    rng = derive(1, "cifar")
    pixels = rng.integers(0, 256, (n, 3, 32, 32), dtype=np.uint8)
    labels = rng.integers(0, 10 if label_bytes == 1 else 100, (n, label_bytes), dtype=np.uint8)
    return pixels, labels, np.concatenate([labels, pixels.reshape(n, -1)], axis=1).tobytes()


def test_cifar_10_is_read_from_its_binary_version(tmp_path):
    pixels, labels, data = cifar(20)
    half = 12 * 3073
    (tmp_path / "data_batch_1.bin").write_bytes(data[:half])
    (tmp_path / "data_batch_2.bin").write_bytes(data[half:])
    (tmp_path / "test_batch.bin").write_bytes(data[:half])
    images = load_images(tmp_path)
    assert np.array_equal(images.x, pixels.transpose(0, 2, 3, 1))
    assert np.array_equal(images.y, labels[:, 0])
    assert images.classes[:2] == ("airplane", "automobile")
    assert len(load_images(tmp_path, split="test")) == 12
    assert np.array_equal(load_images(tmp_path / "data_batch_2.bin").x, images.x[12:])
    names = [f"n{k}" for k in range(10)]
    (tmp_path / "batches.meta.txt").write_text("\n".join(names) + "\n\n")
    assert load_images(tmp_path).classes == tuple(names)


def test_cifar_100_has_its_fine_classes(tmp_path):
    pixels, labels, data = cifar(5, label_bytes=2)
    (tmp_path / "train.bin").write_bytes(data)
    images = load_images(tmp_path)
    assert np.array_equal(images.y, labels[:, 1])
    assert len(images.classes) == 100
    assert np.array_equal(images.x, pixels.transpose(0, 2, 3, 1))
    with pytest.raises(DataError, match="no test images"):
        load_images(tmp_path, split="test")


@pytest.mark.parametrize("size", [0, 3072, 3073 * 3 + 1])
def test_a_damaged_cifar_file_is_refused(tmp_path, size):
    (tmp_path / "data_batch_1.bin").write_bytes(bytes(size))
    with pytest.raises(DataError, match="no multiple"):
        load_images(tmp_path)


def test_a_label_that_cifar_does_not_have_is_refused(tmp_path):
    (tmp_path / "data_batch_1.bin").write_bytes(b"\x0b" + bytes(3072))
    with pytest.raises(DataError, match="one is 11"):
        load_images(tmp_path)


def test_cifars_pickles_are_refused_with_a_hint(tmp_path):
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps({b"data": [1]}))
    for source in (tmp_path, tmp_path / "data_batch_1"):
        with pytest.raises(UnsafeFileError) as error:
            load_images(source)
        assert "binary version (cifar-10-binary.tar.gz)" in one_line(error)
    (tmp_path / "other.pkl").write_bytes(pickle.dumps([1]))
    with pytest.raises(UnsafeFileError, match=r"not opened$"):
        load_images(tmp_path / "other.pkl")


# MNIST's idx files


def idx(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def idx_folder(root, *, packed=False):
    suffix, pack = (".gz", gzip.compress) if packed else ("", bytes)
    for part, rows in (("train", slice(0, 20)), ("t10k", slice(20, 30))):
        (root / f"{part}-images-idx3-ubyte{suffix}").write_bytes(pack(idx(RNG_X[rows, ..., 0])))
        (root / f"{part}-labels-idx1-ubyte{suffix}").write_bytes(pack(idx(LABELS[rows].astype(np.uint8))))
    return root


@pytest.mark.parametrize("packed", [False, True])
def test_mnist_is_read_from_idx_files(tmp_path, packed):
    images = load_images(idx_folder(tmp_path, packed=packed))
    assert np.array_equal(images.x[..., 0], RNG_X[:20, ..., 0])
    assert np.array_equal(images.y, LABELS[:20])
    assert np.array_equal(load_images(tmp_path, split="test").y, LABELS[20:])
    file = next(path for path in tmp_path.iterdir() if path.name.startswith("t10k-labels"))
    assert np.array_equal(load_images(file).x[..., 0], RNG_X[20:, ..., 0])


def test_idx_files_may_be_packed_in_part(tmp_path):
    idx_folder(tmp_path)
    labels = tmp_path / "train-labels-idx1-ubyte"
    labels.with_name(f"{labels.name}.gz").write_bytes(gzip.compress(labels.read_bytes()))
    labels.unlink()
    assert len(load_images(tmp_path)) == 20
    labels.with_name(f"{labels.name}.gz").unlink()
    with pytest.raises(DataError, match="train-labels-idx1-ubyte"):
        load_images(tmp_path)


@pytest.mark.parametrize("damage", ["short", "long", "head", "empty", "gz"])
def test_a_damaged_idx_file_is_refused(tmp_path, damage):
    idx_folder(tmp_path, packed=damage == "gz")
    path = next(path for path in tmp_path.iterdir() if path.name.startswith("train-images"))
    whole = path.read_bytes()
    changed = {"short": whole[:-1], "long": whole + b"1", "head": b"\x01" + whole[1:], "empty": b"", "gz": whole[:-20]}
    path.write_bytes(changed[damage])
    with pytest.raises(DataError) as error:
        load_images(path)
    assert "train-images" in one_line(error)


# scikit-learn's


def test_the_digits_of_scikit_learn():
    images = load_images("sklearn:digits")
    assert images.x.shape == (1797, 8, 8, 1)
    assert (images.x.min(), images.x.max()) == (0, 1)
    assert len(images.classes) == 10
    with pytest.raises(DataError, match="sklearn:digits"):
        load_images("sklearn:iris")


def test_a_file_of_another_kind_is_refused_with_what_is_known(tmp_path):
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError) as error:
        load_images(tmp_path / "table.csv")
    assert "no image data" in one_line(error)


def test_reading_gives_no_warnings(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_images(folder_of(tmp_path, RNG_X[:4], format="gif"))
