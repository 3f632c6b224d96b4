"""Written with unittest, so that Python alone can run it too: `python -m unittest`."""

import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path

import train


class TestTrain(unittest.TestCase):
    def test_a_line_without_noise_is_found_exactly(self):
        slope, intercept = train.fit_line([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)])
        self.assertAlmostEqual(slope, 2.0)
        self.assertAlmostEqual(intercept, 1.0)

    def test_the_error_is_zero_on_the_line_and_grows_beside_it(self):
        points = [(0.0, 1.0), (1.0, 3.0)]
        self.assertEqual(train.root_mean_square_error(points, 2.0, 1.0), 0.0)
        self.assertEqual(train.root_mean_square_error(points, 2.0, 2.0), 1.0)

    def test_training_finds_the_line_and_writes_what_it_found(self):
        with tempfile.TemporaryDirectory() as folder:
            output_dir = Path(folder) / "new"
            metrics = train.train(points=1000, noise=0.5, seed=0, output_dir=output_dir)
            self.assertEqual(json.loads((output_dir / "metrics.json").read_text()), metrics)
        self.assertAlmostEqual(metrics["slope"], train.SLOPE, delta=0.05)
        self.assertAlmostEqual(metrics["intercept"], train.INTERCEPT, delta=0.2)
        self.assertAlmostEqual(metrics["rmse"], 0.5, delta=0.05)

    def test_the_same_seed_gives_the_same_points(self):
        self.assertEqual(train.make_points(5, 1.0, seed=3), train.make_points(5, 1.0, seed=3))
        self.assertNotEqual(train.make_points(5, 1.0, seed=3), train.make_points(5, 1.0, seed=4))

    def test_wrong_arguments_are_refused(self):
        for wrong in (["--points", "1"], ["--points", "ten"], ["--noise", "nan"], ["surplus"]):
            with self.subTest(wrong=wrong), contextlib.redirect_stderr(io.StringIO()):
                with self.assertRaises(SystemExit) as stop:
                    train.main(wrong)
                self.assertEqual(stop.exception.code, 2)
