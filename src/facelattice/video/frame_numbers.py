"""Numbers for the frames of a video file, even if some frames cannot be decoded.

A decoder returns nothing for a damaged packet, and often nothing for the packets that depend on it. It also returns
frames late, and B-frames in another order than their packets. So the frames of a damaged file cannot just be counted.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import Any, NamedTuple

MAX_PENDING = 10_000  # packets without a frame that are kept in memory
RESTART = 1.0  # seconds; where two files were joined, the clock goes back by more
TOLERANCE = 0.25  # of a regular interval, for clocks that count milliseconds
MIN_INTERVALS = 8  # of equal length, before frames count as regular


class _Packet(NamedTuple):
    """A packet without a frame so far. They sort in the order in which their frames are shown."""

    part: int  # number of times that the clock has restarted
    pts: int
    is_repeat: bool


class FrameNumbers:
    """Numbers decoded frames from 0. Frames that the file repeats or that cannot be decoded have numbers too.

    A packet whose time lies between those of two decoded frames is such a frame. If packets are missing in a damaged
    file with regular frames, their number follows from the missing time. If packets have no times, or wrong ones, the
    failures of the decoder are counted instead.

    Args:
        has_times: Whether the file stores the times of frames.

    Attributes:
        num_unreadable: Frames that could not be decoded, up to the last numbered frame.
    """

    def __init__(self, has_times: bool = True) -> None:
        self.num_unreadable = 0
        self._has_times = has_times
        self._next_number = 0
        self._pending: list[_Packet] = []
        self._has_timed_packets = False
        self._part = 0
        self._last_dts: int | None = None
        self._last_shown: tuple[int, int] | None = None  # part and time of the last frame
        self._is_damaged = False
        self._is_regular = True
        self._num_intervals, self._intervals_seconds = 0, 0.0  # of regular intervals before the damage
        self._is_interlaced = False
        self._one_packet_per_field = True  # until two frames follow each other without a packet in between

    def add_packet(self, packet: Any, is_shown: bool) -> None:
        """Add a packet before it is decoded.

        Args:
            packet: An `av.Packet`. An empty one repeats the last frame.
            is_shown: Whether the packet holds a frame to be shown.
        """
        self._has_timed_packets |= packet.pts is not None
        if packet.pts is None or not self._has_times or not is_shown:
            return
        if packet.dts is not None:
            if self._last_dts is not None and packet.dts < self._last_dts - RESTART / packet.time_base:
                self._part += 1
            self._last_dts = packet.dts
        insort(self._pending, _Packet(self._part, packet.pts, packet.size == 0))
        del self._pending[:-MAX_PENDING]

    def add_failure(self) -> None:
        """Record that a packet could not be decoded. In a file with times, it is counted with the next frame."""
        self._is_damaged = True
        if not (self._has_times and self._has_timed_packets):
            self.num_unreadable += 1
            self._next_number += 1

    def number(self, frame: Any) -> int | None:
        """Return the number of a frame.

        Args:
            frame: An `av.VideoFrame`, in the order in which the decoder returns them.

        Returns:
            The number; None for a frame that comes too late, after a damaged packet, and must be left out.
        """
        self._is_interlaced = frame.interlaced_frame
        if frame.pts is not None and self._has_times:
            skipped = self._count_skipped(frame.pts, frame.time_base)
            if skipped is None:
                return None
            self._next_number += skipped
        self._next_number += 1
        return self._next_number - 1

    def end(self) -> None:
        """Count the packets at the end of the video without a decoded frame."""
        self._count(self._pending)
        self._pending = []

    def _count_skipped(self, pts: int, time_base: Any) -> int | None:
        """Return the number of frames between the last frame and the one with this time; None if it comes too late."""
        first = self._pending[0].part if self._pending else self._part
        part = next((packet.part for packet in self._pending if packet.pts == pts), first)
        last = self._last_shown
        if last is not None and (part, pts) < last:
            if self._is_damaged and part == last[0] and (last[1] - pts) * time_base < RESTART:
                return None
            self._has_times, self._pending = False, []
            return 0
        self._last_shown = part, pts
        end = bisect_right(self._pending, _Packet(part, pts, True))
        packets, self._pending = self._pending[: max(end - 1, 0)], self._pending[end:]
        if last is None:
            return self._count(packets) if self._is_damaged else 0  # frames that depend on some before the beginning
        if not packets:
            self._one_packet_per_field = False
        return self._count(packets, float((pts - last[1]) * time_base) if part == last[0] else 0.0)

    def _count(self, packets: list[_Packet], seconds: float = 0.0) -> int:
        """Return the number of frames of these packets, and count the unreadable ones.

        Args:
            packets: Packets without a frame.
            seconds: Time between the frames before and after them; 0 if unknown.
        """
        repeats = sum(packet.is_repeat for packet in packets)
        missing = (len(packets) - repeats) // (2 if self._is_interlaced and self._one_packet_per_field else 1)
        if not self._is_damaged:
            self._add_interval(seconds)
            return repeats + missing
        if self._is_regular and self._num_intervals >= MIN_INTERVALS:
            missing = max(missing, round(seconds * self._num_intervals / self._intervals_seconds) - 1 - repeats)
        self.num_unreadable += missing
        return repeats + missing

    def _add_interval(self, seconds: float) -> None:
        """Update the mean interval between frames, and whether all intervals are about equal."""
        if self._num_intervals > 0:
            mean = self._intervals_seconds / self._num_intervals
            self._is_regular &= abs(seconds - mean) < TOLERANCE * mean
        self._num_intervals, self._intervals_seconds = self._num_intervals + 1, self._intervals_seconds + seconds
