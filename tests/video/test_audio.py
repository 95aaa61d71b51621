from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from facelattice.video.audio import add_audio
from facelattice.video.writer import VideoWriter


@pytest.fixture
def video(tmp_path) -> Path:
    """A short MP4 file without audio."""
    with VideoWriter(tmp_path / "video.mp4", 25) as writer:
        writer.write(np.zeros((48, 64, 3), np.uint8), 0.0)
    return tmp_path / "video.mp4"


def write_audio(path: Path, times: Sequence[int], codec: str, rate: int, num_samples: int) -> Path:
    """Write silence into a Matroska file, in packets with the given times in milliseconds, which may also go back."""
    one_cluster = {"cluster_time_limit": "100000", "cluster_size_limit": "1000000"}  # times count from its start
    with av.open(str(path), "w", options=one_cluster) as out:
        stream = out.add_stream(codec, rate=rate, layout="mono")
        for i in range(len(times)):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, num_samples), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, i * num_samples, Fraction(1, rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    with av.open(str(path)) as file:
        places = [packet.pos for packet in file.demux(audio=0) if packet.size]
    data = bytearray(path.read_bytes())
    for place, time in zip(places, times, strict=True):
        data[place + 1 : place + 3] = time.to_bytes(2, "big", signed=True)  # the time of a Matroska block
    path.write_bytes(data)
    return path


def packet_times(path: Path) -> list[float]:
    """The times of the audio packets of a file, in milliseconds."""
    with av.open(str(path)) as file:
        return [round(float(1000 * packet.pts * packet.time_base), 3) for packet in file.demux(audio=0) if packet.size]


def add_flac(video: Path, times: Sequence[int], offset: float = 0.0, until: float = math.inf) -> list[float]:
    source = write_audio(video.with_name("audio.mkv"), times, "flac", 48000, 4608)
    assert add_audio(video, source, video.with_name("out.mp4"), offset, until)
    return packet_times(video.with_name("out.mp4"))


@pytest.mark.parametrize("error", [10_000, -10_000])
def test_one_packet_with_a_wrong_time_is_dropped(video, error):
    times = [100 * i for i in range(200, 220)]
    wrong = [*times[:10], times[10] + error, *times[11:]]
    assert add_flac(video, wrong, offset=20.0) == [time - 20_000 for time in times if time != times[10]]


def test_gaps_stay_and_a_restarted_clock_continues(video):
    times = [0, 100, 200, 5000, 5100, 5200] * 2
    expected = [0, 100, 200, 5000, 5100, 5200, 5296, 5396, 5496, 10_296, 10_396, 10_496]  # a packet lasts 96 ms
    assert add_flac(video, times) == expected


def test_packets_far_apart_are_kept(video):
    assert add_flac(video, [0, 4000, 8000, 12_000]) == [0, 4000, 8000, 12_000]


def test_audio_before_the_first_image_and_after_the_end_is_left_out(video):
    assert add_flac(video, [100 * i for i in range(20)], offset=0.5, until=0.8) == [100 * i for i in range(9)]


def test_equal_times_of_a_coarse_clock_increase(video):
    times = add_flac(video, [0, 0, 0, 100])
    assert times == sorted(set(times))
    assert len(times) == 4


@pytest.mark.parametrize("speed", [0.95, 1.05, 0.0])
def test_audio_whose_clock_runs_at_another_speed_stays_with_the_images(video, tmp_path, speed):
    times = [round(100 * i * speed) for i in range(100)]  # of packets of 100 ms
    source = write_audio(tmp_path / "audio.mkv", times, "pcm_s16le", 8000, 800)
    assert add_audio(video, source, tmp_path / "out.mp4")
    last = packet_times(tmp_path / "out.mp4")[-1] / 1000
    assert last == pytest.approx(10 * (speed or 1), abs=0.35)  # a clock that stands still is ignored


def test_source_without_audio_writes_nothing(video, tmp_path):
    assert not add_audio(video, video, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()
