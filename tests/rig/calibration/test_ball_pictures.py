import cv2
import numpy as np
import pytest

from psface.errors import UserError
from psface.rig.calibration.ball_pictures import natural, read_ball_pictures
from psface.rig.rig import Camera
from psface.simulate.balls import BallLook, simulate_balls
from tests.simulated_balls import CAMERA, ball, distant_lamps, write_pictures


@pytest.fixture
def folder(tmp_path):
    taken = simulate_balls([ball()], distant_lamps()[:4], CAMERA)
    return write_pictures(tmp_path / "ball", taken, ("1", "2", "10", "3"))


def test_pictures_are_in_natural_order(folder):
    read = read_ball_pictures(folder, Camera())
    assert read.names == ("1", "2", "3", "10")
    assert read.mask.shape == read.frames.shape[1:] == (200, 240)
    assert read.colours is None
    assert natural("a2b") < natural("a10b")


def test_response_and_ambient_are_undone(folder):
    plain = read_ball_pictures(folder, Camera())
    curved = read_ball_pictures(folder, Camera(response="srgb"))
    assert curved.frames.mean() < 0.6 * plain.frames.mean()
    cv2.imwrite(str(folder / "ambient.png"), np.full((200, 240), 20, np.uint8))
    dark = read_ball_pictures(folder, Camera())
    assert len(dark.names) == 4
    assert np.allclose(dark.frames, np.maximum(plain.frames - 20 / 255, 0), atol=1e-6)


def test_colours_are_kept(folder):
    for path in folder.glob("*.png"):
        if path.stem != "mask":
            grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            cv2.imwrite(str(path), np.stack([grey, grey, grey // 2], axis=-1))
    read = read_ball_pictures(folder, Camera())
    assert read.colours.shape == (4, 200, 240, 3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: (f / "1.png").write_bytes((f / "2.png").read_bytes()), "same picture"),
        (
            lambda f: cv2.imwrite(str(f / "3.png"), np.zeros((10, 12), np.uint8)),
            "12x10 pixels",
        ),
        (lambda f: cv2.imwrite(str(f / "mask.png"), np.zeros((9, 9), np.uint8)), "mask.png: 9x9"),
        (
            lambda f: cv2.imwrite(str(f / "mask.png"), np.full((200, 240, 4), 255, np.uint8)),
            "mask with an alpha channel",
        ),
        (lambda f: [(f / f"{n}.png").unlink() for n in (1, 2)], "2 pictures of lamps; at least 3"),
        (lambda f: (f / "1.jpg").write_bytes((f / "3.png").read_bytes()), "two pictures called 1"),
        (lambda f: (f / "4.hdr").write_bytes(b""), r"4\.hdr: cannot be read"),
        (lambda f: (f / "2.png").write_bytes(b"no picture"), r"2\.png: truncated"),
        (
            lambda f: cv2.imwrite(str(f / "ambient.png"), np.full((200, 240), 200, np.uint8)),
            "darker than the ambient light",
        ),
    ],
)
def test_folders_that_cannot_be_used(folder, change, said):
    change(folder)
    with pytest.raises(UserError, match=said):
        read_ball_pictures(folder, Camera())


def test_an_ambient_frame_with_a_lamp_on_is_found_by_the_places_that_it_lights(folder):
    taken = simulate_balls([ball()], distant_lamps(), CAMERA, BallLook())
    place = write_pictures(folder.parent / "other", taken)
    (place / "lamp7.png").rename(place / "ambient.png")
    with pytest.raises(UserError, match=r"is ambient\.png the frame with all lamps off"):
        read_ball_pictures(place, Camera())


def test_pictures_for_viewing_need_a_response(folder):
    for path in folder.glob("[0-9].png"):
        cv2.imwrite(str(path.with_suffix(".jpg")), cv2.imread(str(path)))
        path.unlink()
    with pytest.raises(UserError, match=r"\.jpg: a JPEG, .*name the camera's .* as --response"):
        read_ball_pictures(folder, Camera())
    assert len(read_ball_pictures(folder, Camera(response="srgb")).names) > 2


def test_a_mask_of_ones_instead_of_white(folder):
    cv2.imwrite(str(folder / "mask.png"), np.ones((200, 240), np.uint8))
    with pytest.raises(UserError, match=r"mask\.png: no ball .* is 0% of white"):
        read_ball_pictures(folder, Camera())


def test_a_file_is_no_folder(tmp_path):
    with pytest.raises(UserError, match="not a folder"):
        read_ball_pictures(tmp_path / "nothing", Camera())


def test_copies_with_noise_are_other_pictures(tmp_path):
    taken = simulate_balls([ball()], distant_lamps()[:3], CAMERA, BallLook(noise=0.01))
    folder = write_pictures(tmp_path / "ball", taken)
    assert len(read_ball_pictures(folder, Camera()).names) == 3
