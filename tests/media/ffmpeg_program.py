"""FFmpeg's WHIP sender, run as a program: `ffmpeg_program.py ADDRESS TOKEN CERTIFICATE KEY`; ends with its input.

PyAV is FFmpeg's own libraries: what is tested is what `ffmpeg -f whip` does.
"""

import sys
import threading
import time
from fractions import Fraction

import av
import numpy as np

WIDTH, HEIGHT, FPS = 320, 180, 20
BRIGHT = 200
TONE_HZ = 440
SOUND_HZ = 48_000


def main(address: str, token: str, certificate: str, key: str) -> None:
    options = {"authorization": token, "cert_file": certificate, "key_file": key}
    stopped = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()
    with av.open(address, "w", format="whip", options=options) as out:
        picture = out.add_stream("libx264", FPS, {"profile": "baseline", "tune": "zerolatency"})
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        picture.gop_size, picture.max_b_frames = FPS, 0
        sound = out.add_stream("libopus", SOUND_HZ, layout="stereo")
        planes = np.full((HEIGHT * 3 // 2, WIDTH), BRIGHT, np.uint8)
        planes[HEIGHT:] = 128
        samples = SOUND_HZ // FPS
        begun_at = time.monotonic()
        for number in range(FPS * 60):
            frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            at = np.arange(number * samples, (number + 1) * samples)
            wave = (8000 * np.sin(2 * np.pi * TONE_HZ * at / SOUND_HZ)).astype(np.int16)
            heard = av.AudioFrame.from_ndarray(wave.repeat(2).reshape(1, -1), "s16", "stereo")
            heard.sample_rate, heard.pts, heard.time_base = SOUND_HZ, number * samples, Fraction(1, SOUND_HZ)
            out.mux([*picture.encode(frame), *sound.encode(heard)])
            if stopped.wait(max(0.0, begun_at + (number + 1) / FPS - time.monotonic())):
                return


if __name__ == "__main__":
    main(*sys.argv[1:])
