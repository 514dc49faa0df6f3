"""Slopes of the generator's two losses over the discriminator's output, drawn from the losses of the code.

    python docs/learn/gan_slopes.py gan_slopes.png

docs/learn/gan_saturation.md derives them: -s(d) of the minimax loss, -(1 - s(d)) of the nonsaturating one.
"""

import sys

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tfgen.figures import save_figure
from tfgen_plugins.gan.objectives import minimax, nonsaturating


def slopes(loss, d):
    """Return the derivative of a generator's loss by each output d of the discriminator, by automatic differentiation."""
    values = tf.constant(d)
    with tf.GradientTape() as tape:
        tape.watch(values)
        total = len(d) * loss(values)  # which is a mean
    return tape.gradient(total, values).numpy()


def main(path):
    """Draw sizes of both slopes, plain and on a logarithmic scale, and write the picture."""
    d = np.linspace(-10, 5, 301)
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    for axes, scale in zip(figure.subplots(1, 2), ("linear", "log"), strict=True):
        for name, loss in (("minimax, log(1 - s(d))", minimax), ("nonsaturating, -log s(d)", nonsaturating)):
            axes.plot(d, np.abs(slopes(loss, d)), label=name)
        axes.axvline(0, color="grey", linewidth=0.5)
        axes.set(xlabel="d = D(G(z)); below 0 rejected", ylabel="size of the slope", yscale=scale)
        axes.grid(alpha=0.3)
    figure.axes[0].legend()
    save_figure(figure, path)


if __name__ == "__main__":
    main(sys.argv[1])
