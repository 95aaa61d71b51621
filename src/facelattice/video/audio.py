"""The audio of a video, added to a finished video file without audio.

    add_audio(Path("drawing.mp4"), source=Path("clip.mkv"), out=Path("clip_faces.mp4"))

Faults of the audio do not affect the images.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from facelattice.video.frame_numbers import RESTART
from facelattice.video.reader import import_av

# Codecs that are copied into MP4. Others are converted to AAC, also MP3, which MP4 supports only from 16 kHz on.
COPIED_CODECS = ("aac", "ac3", "alac", "eac3", "flac", "opus")
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)  # samples per second
GAP = 0.1  # seconds; shorter gaps of audio are not real, but come from coarse clocks, such as that of AVI


def add_audio(video: Path, source: Path, out: Path, offset: float = 0.0, until: float = math.inf) -> bool:
    """Write an MP4 file with the images of one file and the first audio track of another.

    Audio that cannot be read is left out.

    Args:
        video: The MP4 file with the images.
        source: The file with the audio.
        out: The file to write.
        offset: Time of the first image of ``video`` in ``source``, in seconds.
        until: End of the audio, in seconds after the first image.

    Returns:
        Whether ``source`` has an audio track that can be decoded. If not, nothing is written.

    Raises:
        OSError: If ``out`` cannot be written. PyAV's errors derive from it or from ValueError.
        ValueError: If MP4 cannot hold the audio.
    """
    av = import_av()
    with av.open(str(video.absolute())) as images, av.open(str(source.absolute())) as original:
        stream = next(iter(original.streams.audio), None)
        if stream is None or stream.codec_context is None:  # None: an unknown codec
            return False
        packets = _drop_wrong_times(_read_packets(original.demux(stream), av.error.FFmpegError))
        with av.open(str(out.absolute()), "w", format="mp4") as file:
            video_out = file.add_stream_from_template(images.streams.video[0])
            video_out.time_base = images.streams.video[0].time_base
            if stream.codec_context.name in COPIED_CODECS:
                audio_out = file.add_stream_from_template(stream)
                audio_packets = _copy(packets, offset, until)
            else:
                rate = min((rate for rate in AAC_RATES if rate >= stream.rate), default=AAC_RATES[-1])
                audio_out = file.add_stream("aac", rate=rate)
                frames = _resample(_decode(packets, av.error.FFmpegError), av, audio_out)
                audio_packets = _encode(frames, offset, until, audio_out)
            streams = (
                ((packet, video_out) for packet in images.demux(video=0) if packet.size),
                ((packet, audio_out) for packet in audio_packets),
            )
            for packet, target in heapq.merge(*streams, key=_decoding_time):
                packet.stream = target
                try:
                    file.mux(packet)
                except av.error.FFmpegError:
                    if target is video_out:  # a full disk; an audio packet may also be damaged
                        raise
    return True


def _decoding_time(item: tuple[Any, Any]) -> Fraction:
    packet, _ = item
    return packet.dts * packet.time_base


def _read_packets(packets: Iterator[Any], ffmpeg_error: type[Exception]) -> Iterator[Any]:
    """Yield the packets up to the end, or up to the first that cannot be read."""
    while True:
        try:
            packet = next(packets, None)
        except ffmpeg_error:
            return
        if packet is None or packet.size == 0:
            return
        yield packet


def _drop_wrong_times(packets: Iterator[Any]) -> Iterator[Any]:
    """Drop packets that start far from the end of the previous packet, if the next packet starts close to it."""
    end: int | None = None
    for packet, following in pairwise(chain(packets, [None])):
        if packet.pts is not None:
            if end is not None and following is not None and following.pts is not None:
                far = RESTART / packet.time_base
                if abs(following.pts - end) < far <= abs(packet.pts - end):
                    continue
            end = packet.pts + (packet.duration or 0)
        yield packet


def _copy(packets: Iterator[Any], offset: float, until: float) -> Iterator[Any]:
    """Yield the packets with times relative to the first image that increase strictly, as MP4 requires."""
    last: int | None = None
    shift: int | None = None
    for packet in packets:
        if packet.pts is None:
            continue
        if shift is None:
            shift = round(offset / packet.time_base)
        time = packet.pts - shift
        if last is not None and time < last - RESTART / packet.time_base:
            shift -= last + (packet.duration or 1) - time
            time = packet.pts - shift
        elif last is not None and time <= last:  # a coarse clock
            time = last + 1
        if time < 0:
            continue
        if time * packet.time_base > until:
            return
        packet.pts = packet.dts = last = time
        yield packet


def _decode(packets: Iterator[Any], ffmpeg_error: type[Exception]) -> Iterator[Any]:
    for packet in packets:
        with suppress(ffmpeg_error):
            yield from packet.decode()


def _resample(frames: Iterator[Any], av: Any, audio: Any) -> Iterator[Any]:
    """Convert the frames for the encoder. In television recordings their format may change from frame to frame."""
    format: tuple[str, str, int] | None = None
    resampler: Any = None
    for frame in frames:
        if format != (frame.format.name, frame.layout.name, frame.sample_rate):
            format = frame.format.name, frame.layout.name, frame.sample_rate
            resampler = av.AudioResampler(audio.format.name, audio.layout.name, audio.rate)
        yield from resampler.resample(frame)


def _encode(frames: Iterator[Any], offset: float, until: float, audio: Any) -> Iterator[Any]:
    """Encode the frames. Times are those of the samples, corrected where the clock differs by more than `GAP`."""
    now: Fraction | None = None
    shift, last_pts = Fraction(offset), None
    for frame in frames:
        # Equal times come from a clock that stands still or is coarse.
        clock = None if frame.pts in (None, last_pts) else Fraction(frame.pts * frame.time_base) - shift
        last_pts = frame.pts
        if now is None or (clock is not None and clock > now + Fraction(GAP)):
            now = clock
        elif clock is not None and clock < now - Fraction(RESTART):
            shift -= now - clock
        elif clock is not None and clock < now - Fraction(GAP):
            continue  # the samples are ahead of the clock
        if now is None:
            continue
        start, now = now, now + Fraction(frame.samples, frame.sample_rate)
        if start < 0:
            continue
        if start > until:
            break
        frame.time_base = Fraction(1, frame.sample_rate)
        frame.pts = round(start * frame.sample_rate)
        yield from audio.encode(frame)
    yield from audio.encode(None)
