/**
 * Plays a clip: the buttons, the time line with the tracks, and the calls for each new frame.
 *
 *   const player = new Player();
 *   player.onframe = (clip) => ...    a frame is shown
 *   player.show(clip)                 null: none
 *   player.refresh()                  new frames have arrived
 *   player.seconds                    the time of the shown frame
 *
 * It needs the elements video-bar, play, step-back, step-forward, tracks, time and time-text.
 */

import { $ } from "./dom.js";

const TRACK_COLORS = ["#79beff", "#ffc43d", "#ff6ac1", "#66e08a", "#c79bff", "#ff9a62"];

export class Player {
  clip = null;
  seconds = 0;
  onframe = () => {};

  constructor() {
    $("play").onclick = () => this.toggle();
    $("step-back").onclick = () => this.step(-1);
    $("step-forward").onclick = () => this.step(1);
    $("time").oninput = () => this.seek(Number($("time").value));
    new ResizeObserver(() => this.#drawTracks()).observe($("tracks"));
  }

  show(clip) {
    if (clip === this.clip) return;
    this.clip?.video.pause();
    this.clip = clip;
    $("video-bar").hidden = !clip;
    if (!clip) return;
    const { video } = clip;
    this.seconds = video.currentTime;
    video.onplay = () => {
      this.#setPlaying(true);
      this.#loop(clip);
    };
    video.onpause = video.onended = () => this.#setPlaying(false);
    video.onseeked = () => this.#advance(clip);
    this.#setPlaying(!video.paused);
    $("play").disabled = !clip.canPlay;
    this.refresh();
  }

  toggle() {
    const { video } = this.clip;
    if (video.paused) video.play();
    else video.pause();
  }

  step(frames) {
    const { clip } = this;
    clip.video.pause();
    const at = clip.frames.indexOf(clip.frameAt(this.seconds));
    const target = clip.frames[Math.min(clip.frames.length - 1, Math.max(0, at + frames))];
    if (target) this.seek(target.time + 0.25 / clip.rate); // inside the frame, as times are rounded
  }

  seek(seconds) {
    this.seconds = seconds;
    if (this.clip.canPlay) this.clip.video.currentTime = seconds;
    else this.#changed(this.clip);
  }

  refresh() {
    const { clip } = this;
    if (!clip) return;
    const share = clip.numFrames ? Math.min(100, Math.round((100 * clip.frames.length) / clip.numFrames)) : 0;
    const tracks = clip.tracks.size === 1 ? "1 track" : `${clip.tracks.size} tracks`;
    $("time").max = clip.duration || 0;
    $("time").value = this.seconds;
    $("time").setAttribute("aria-valuetext", `${this.seconds.toFixed(2)} s of ${clip.duration.toFixed(2)} s`);
    $("time-text").textContent = `${this.seconds.toFixed(2)} / ${clip.duration.toFixed(2)} s, ${tracks}${clip.isComplete || clip.problem ? "" : `, followed ${share} %`}`;
    this.#drawTracks();
  }

  #setPlaying(playing) {
    $("play").textContent = playing ? "Pause" : "Play";
    $("play").setAttribute("aria-pressed", String(playing));
  }

  #loop(clip) {
    if (clip !== this.clip || clip.video.paused) return;
    this.#advance(clip);
    if (clip.video.requestVideoFrameCallback) clip.video.requestVideoFrameCallback(() => this.#loop(clip));
    else requestAnimationFrame(() => this.#loop(clip));
  }

  #advance(clip) {
    if (clip !== this.clip) return;
    this.seconds = clip.video.currentTime;
    this.#changed(clip);
  }

  #changed(clip) {
    this.refresh();
    this.onframe(clip);
  }

  // One row for each track, with a bar for each time in which the face is in sight.
  #drawTracks() {
    const canvas = $("tracks");
    const { clip } = this;
    if (!clip || !canvas.clientWidth) return;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    [canvas.width, canvas.height] = [width * ratio, height * ratio];
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const row = height / Math.max(3, clip.tracks.size);
    const x = (seconds) => (width * seconds) / (clip.duration || 1);
    [...clip.tracks].forEach(([number, bars], k) => {
      context.fillStyle = TRACK_COLORS[(number - 1) % TRACK_COLORS.length];
      for (const { start, end } of bars) context.fillRect(x(start), k * row + 0.5, Math.max(1, x(end) - x(start)), Math.max(1, row - 1.5));
    });
    context.fillStyle = getComputedStyle(canvas).color;
    context.fillRect(x(this.seconds) - 0.5, 0, 1.5, height);
  }
}
