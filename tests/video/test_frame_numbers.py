"""Numbers of the frames of damaged files, as `open_video` yields them."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from facelattice.video.reader import open_video

UNEVEN_TIMES = [0.0, 0.04, 0.08, 0.2, 0.24, 0.5, 0.54, 1.0, 1.5, 1.54, 1.6, 1.8, 2.5, 2.6]


def noise(i: int) -> np.ndarray:
    """An image that moves, so that frames depend on each other."""
    image = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    return np.roll(image, 2 * i, axis=1)


def damage(clip: Path, packets: Iterable[int]) -> Path:
    """Overwrite packets of a video file, by their position in the file."""
    with av.open(str(clip)) as file:
        places = [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size]
    data = bytearray(clip.read_bytes())
    for i in packets:
        start, size = places[i]
        data[start : start + size] = b"\xee" * size
    clip.write_bytes(data)
    return clip


def read(clip: Path) -> tuple[list[int], list[float], int]:
    """Numbers and times of the frames, and how many are unreadable."""
    with open_video(clip) as video:
        frames = list(video)
    return [frame.number for frame in frames], [frame.time for frame in frames], video.num_unreadable


@pytest.mark.parametrize("bframes", ["0", "3"])
def test_numbers_follow_times_after_damaged_packets(write_clip, bframes):
    """After a damaged key frame the decoder returns nothing for several packets, and later an old B-frame.

    It reports the damage before it returns the B-frames that are shown earlier.
    """
    clip = write_clip("clip.mp4", ((i / 25, noise(i)) for i in range(40)), g="10", bf=bframes, sc_threshold="0")
    numbers, times, num_unreadable = read(damage(clip, [13, 20]))
    assert numbers == np.round(np.multiply(times, 25)).tolist()
    assert 9 <= num_unreadable == 40 - len(numbers)


def test_uneven_times(write_clip):
    clip = write_clip("clip.mp4", ((time, noise(i)) for i, time in enumerate(UNEVEN_TIMES)), "mjpeg")
    numbers, times, num_unreadable = read(damage(clip, [10, 11, 12]))
    assert numbers == [*range(10), 13]
    np.testing.assert_allclose(times, [UNEVEN_TIMES[i] for i in numbers], atol=2e-3)
    assert num_unreadable == 3


def test_damage_at_both_ends(write_clip):
    clip = write_clip("clip.mp4", ((i / 25, noise(i)) for i in range(10)), "mjpeg")
    numbers, times, num_unreadable = read(damage(clip, [0, 1, 8, 9]))
    assert numbers == [2, 3, 4, 5, 6, 7]
    assert times[0] == 0
    assert num_unreadable == 4


def test_file_without_times(write_clip):
    clip = write_clip("clip.avi", ((i / 25, noise(i)) for i in range(20)), "mjpeg")
    numbers, _, num_unreadable = read(damage(clip, [5, 6]))
    assert numbers == [i for i in range(20) if i not in (5, 6)]
    assert num_unreadable == 2


def test_b_frames_in_avi_are_counted(write_clip):
    """AVI stores no times, and FFmpeg assumes wrong ones."""
    clip = write_clip("clip.avi", ((i / 25, noise(i)) for i in range(40)), bf="3")
    numbers, times, num_unreadable = read(clip)
    assert (numbers, num_unreadable) == (list(range(40)), 0)
    assert times[:38] == pytest.approx([i / 25 for i in range(38)])  # the decoder states no time for the last two


def write_mjpeg(path: Path, times: Iterable[int]) -> Path:
    """Write a video at 25 frames per second of frames with the given numbers; others are missing in the file."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for i in times:
            frame = av.VideoFrame.from_ndarray(noise(i), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def test_missing_packets_of_a_damaged_file_are_unreadable(tmp_path):
    clip = write_mjpeg(tmp_path / "clip.mp4", [*range(15), *range(19, 25)])
    numbers, _, num_unreadable = read(damage(clip, [12]))
    assert numbers == [*range(12), 13, 14, *range(19, 25)]
    assert num_unreadable == 5


def test_undamaged_file_with_a_pause_has_consecutive_numbers(tmp_path):
    clip = write_mjpeg(tmp_path / "clip.mp4", [*range(10), *range(14, 20)])
    numbers, times, num_unreadable = read(clip)
    assert (numbers, num_unreadable) == (list(range(16)), 0)
    assert times[10] == pytest.approx(14 / 25, abs=1e-3)


def test_empty_packets_repeat_the_last_frame(tmp_path):
    """As in Theora, where an empty packet is a frame without change."""
    clip = tmp_path / "clip.nut"
    with av.open(str(clip), "w") as out:
        stream = out.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for i in range(30):
            if 15 <= i < 21:
                packet = av.Packet(0)
                packet.stream, packet.time_base = stream, stream.time_base
                packet.pts = packet.dts = round(i / 10 / stream.time_base)
                out.mux(packet)
                continue
            frame = av.VideoFrame.from_ndarray(noise(i), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 10)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    numbers, times, num_unreadable = read(clip)
    assert numbers == [*range(15), *range(21, 30)]
    np.testing.assert_allclose(times, np.array(numbers) / 10, atol=1e-3)
    assert num_unreadable == 0
    with_damage, _, num_unreadable = read(damage(clip, [10]))
    assert with_damage == [i for i in numbers if i != 10]
    assert num_unreadable == 1


def test_transport_stream_with_a_gap(write_clip):
    clip = write_clip("clip.ts", ((i / 25, noise(i)) for i in range(40)), g="1")
    with av.open(str(clip)) as file:
        places = [packet.pos for packet in file.demux(video=0) if packet.size]
    data = clip.read_bytes()
    clip.write_bytes(data[: places[20] + 188 * 3] + data[places[25] :])  # counters in the stream reveal the gap
    numbers, times, num_unreadable = read(clip)
    assert numbers == np.round(np.multiply(times, 25)).tolist()
    assert num_unreadable == 40 - len(numbers) >= 5


def test_two_joined_files(write_clip, tmp_path):
    part = write_clip("part.ts", ((i / 25, noise(i)) for i in range(60)), bf="3").read_bytes()
    (tmp_path / "joined.ts").write_bytes(part + part)  # in the second part the clock starts again
    numbers, times, num_unreadable = read(tmp_path / "joined.ts")
    assert (numbers, num_unreadable) == (list(range(120)), 0)
    assert (np.diff(times) > 0).all()


def test_frames_cut_off_by_an_edit_list_do_not_count(write_clip):
    """Phones trim a video by an edit list; the file still holds the frames from the last key frame on."""
    clip = write_clip("clip.mp4", ((i / 25, noise(i)) for i in range(40)), bf="0", g="5", sc_threshold="0")
    with av.open(str(clip)) as file:
        skipped = round(8 / 25 / file.streams.video[0].time_base)
    data = bytearray(clip.read_bytes())
    media_time = slice(data.index(b"elst") + 16, data.index(b"elst") + 20)
    data[media_time] = (int.from_bytes(data[media_time], "big") + skipped).to_bytes(4, "big")
    clip.write_bytes(data)
    assert read(clip)[::2] == (list(range(32)), 0)
    numbers, _, num_unreadable = read(damage(clip, [0, 1]))  # frames 5 and 6, which are not shown
    assert numbers == list(range(2, 32))  # 8 and 9 depend on them
    assert num_unreadable == 2


def test_hidden_reference_frames_of_vp8_do_not_count(write_clip, tmp_path):
    source = write_clip("source.webm", ((i / 25, noise(i)) for i in range(20)), "libvpx")
    with av.open(str(source)) as file, av.open(str(tmp_path / "clip.webm"), "w") as out:
        stream = out.add_stream_from_template(file.streams.video[0])
        for i, packet in enumerate(file.demux(video=0)):
            if not packet.size:
                continue
            data = bytearray(bytes(packet))
            if i in (5, 9):
                data[0] &= ~0x10  # not shown
            copy = av.Packet(bytes(data))
            copy.pts, copy.dts, copy.time_base, copy.stream = packet.pts, packet.dts, packet.time_base, stream
            out.mux(copy)
    numbers, _, num_unreadable = read(tmp_path / "clip.webm")
    assert (numbers, num_unreadable) == (list(range(18)), 0)


class BitWriter:
    """Writes the syntax elements of H.264."""

    def __init__(self) -> None:
        self.bits = ""

    def u(self, num_bits: int, value: int) -> BitWriter:
        """An unsigned integer."""
        self.bits += format(value, f"0{num_bits}b")
        return self

    def ue(self, *values: int) -> BitWriter:
        """Exponential Golomb codes."""
        for value in values:
            code = format(value + 1, "b")
            self.bits += "0" * (len(code) - 1) + code
        return self

    def align(self) -> BitWriter:
        self.bits += "0" * (-len(self.bits) % 8)
        return self

    def unit(self, header: int) -> bytes:
        """The NAL unit with its start code."""
        self.bits += "1"
        self.align()
        data, num_zeros = bytearray(), 0
        for byte in int(self.bits, 2).to_bytes(len(self.bits) // 8, "big"):
            if num_zeros >= 2 and byte <= 3:
                data.append(3)
                num_zeros = 0
            data.append(byte)
            num_zeros = num_zeros + 1 if byte == 0 else 0
        return b"\0\0\0\1" + bytes([header]) + bytes(data)


def field(frame: int, is_bottom: bool) -> bytes:
    """One field of a gray interlaced frame of 16 x 32 px, a single uncompressed macroblock."""
    access_unit_delimiter = b"\0\0\0\1\x09\x10"
    sps = BitWriter().u(8, 77).u(8, 0).u(8, 30).ue(0, 0, 0, 0, 1).u(1, 0).ue(0, 0).u(1, 0).u(1, 0).u(1, 1).u(2, 0)
    pps = BitWriter().ue(0, 0).u(2, 0).ue(0, 0, 0).u(3, 0).ue(0, 0, 0).u(3, 0)
    slice_ = BitWriter().ue(0, 7, 0).u(4, 0).u(1, 1).u(1, is_bottom)
    if is_bottom:
        slice_.u(4, 1).u(1, 0)
    else:
        slice_.ue(frame % 2).u(4, 0).u(2, 0)  # an IDR picture
    slice_.ue(0, 25).align()
    for value in [40 + 4 * frame] * 256 + [128] * 128:
        slice_.u(8, value)
    if is_bottom:
        return access_unit_delimiter + slice_.unit(0x61)
    return access_unit_delimiter + sps.unit(0x67) + pps.unit(0x68) + slice_.unit(0x65)


def damage_slice(data: bytes) -> bytes:
    start = data.rindex(b"\0\0\0\1") + 5
    return data[:start] + b"\xff\xff\xff" + data[start + 3 :]


@pytest.mark.parametrize("has_time_per_field", [False, True])
def test_two_packets_with_the_fields_of_one_frame_count_once(tmp_path, has_time_per_field):
    """As in recordings of interlaced television (PAFF)."""
    path = tmp_path / "clip.ts"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 16, 32, "yuv420p"
        for i in range(20):
            fields = [field(i, is_bottom) for is_bottom in (False, True)]
            if i in (7, 8):
                fields = [damage_slice(data) for data in fields]
            for k, data in enumerate(fields if has_time_per_field else [b"".join(fields)]):
                packet = av.Packet(data)
                packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 50), k == 0
                packet.pts = packet.dts = 2 * i + k
                out.mux(packet)
    numbers, times, num_unreadable = read(path)
    assert numbers == np.round(np.multiply(times, 25)).tolist() == [*range(7), *range(9, 20)]
    assert num_unreadable == 2
