from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from tunbp.errors import OutputError
from tunbp.model.drivers import DRIVERS, label
from tunbp.plots import style

# Machado, Oliveira and Fernandes 2009, severity 1.0, for linear RGB
COLOUR_VISION = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def linear(color):
    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(rgb):
    return float(np.dot(rgb, [0.2126, 0.7152, 0.0722]))


def lightness(rgb):
    return 116 * np.cbrt(luminance(rgb)) - 16


def lab(rgb):
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb
    f = np.cbrt(np.clip(xyz / [0.9505, 1.0, 1.089], 1e-6, None))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_stock_and_backpressure_differ_in_grey_without_help_of_markers():
    stock, backpressure = (linear(style.VARIANTS[name].color) for name in ("stock", "backpressure"))
    assert abs(lightness(stock) - lightness(backpressure)) > 20


@pytest.mark.parametrize("vision", COLOUR_VISION)
def test_stock_and_backpressure_differ_for_colour_blind_readers(vision):
    seen = [
        np.clip(np.array(COLOUR_VISION[vision]) @ linear(style.VARIANTS[name].color), 0, 1)
        for name in ("stock", "backpressure")
    ]
    assert np.linalg.norm(lab(seen[0]) - lab(seen[1])) > 40


@pytest.mark.parametrize("name", ["stock", "backpressure"])
def test_the_two_colours_stand_out_from_white_as_wcag_asks_of_graphics(name):
    assert 1.05 / (luminance(linear(style.VARIANTS[name].color)) + 0.05) > 3


def test_no_two_variants_share_marker_and_line():
    looks = [(look.marker, str(look.linestyle)) for look in style.VARIANTS.values()]
    # "wake: half" is the merged backpressure itself
    assert len(set(looks)) == len(looks) - 1
    assert style.VARIANTS["wake_half"].color == style.VARIANTS["backpressure"].color


def test_the_colour_cycle_never_uses_the_two_colours():
    style.use()
    import matplotlib as mpl

    cycle = {entry["color"].upper() for entry in mpl.rcParams["axes.prop_cycle"]}
    assert not cycle & {style.VARIANTS[name].color.strip("#").upper() for name in ("stock", "backpressure")}


@pytest.mark.parametrize(("width", "inches"), [("column", 3.5), ("text", 7.16)])
def test_figures_have_the_widths_of_ieee(width, inches):
    fig, _ = style.figure(width)
    assert fig.get_figwidth() == inches


@pytest.mark.parametrize(("high", "texts"), [(80e-3, {"2", "5", "20", "50"}), (80.0, set())])
def test_a_short_log_axis_labels_more_than_its_one_decade(high, texts):
    _, ax = style.figure()
    ax.set_yscale("log")
    ax.set_ylim(1e-3, high)
    style.label_axis(ax.yaxis, "Ping", "s")
    ticks = zip(ax.get_yticks(minor=True), ax.get_yticklabels(minor=True), strict=True)
    assert {label.get_text() for at, label in ticks if 1e-3 <= at <= high} - {""} == texts


def test_an_unknown_width_is_refused():
    with pytest.raises(OutputError, match="'column' or 'text'"):
        style.figure("page")


@pytest.mark.parametrize("name", ["patched", "merged", "v12", "v7", "7.3", "backpressure", "half"])
def test_all_names_of_backpressure_get_its_colour(name):
    assert style.variant_style(name).color == style.VARIANTS["backpressure"].color


def test_every_kernel_version_has_the_style_and_the_label_of_its_row():
    for name, row in DRIVERS.items():
        look = style.variant_style(name)
        assert (look.color, look.marker) == (style.VARIANTS[row.look].color, style.VARIANTS[row.look].marker)
        assert look.label == label(name)


def test_an_unknown_variant_is_refused_and_the_known_ones_named():
    with pytest.raises(OutputError, match=r"'turbo'.*stock, backpressure"):
        style.variant_style("turbo")


def test_labels_show_common_units_while_the_data_stays_si():
    fig, ax = style.figure()
    ax.plot([0, 1], [0, 200e6])
    style.label_axis(ax.yaxis, "Throughput", "bit/s")
    fig.canvas.draw()
    assert ax.get_ylabel() == "Throughput (Mbit/s)"
    assert ax.get_ylim()[1] > 2e8
    assert "200" in [tick.get_text() for tick in ax.get_yticklabels()]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.5, "0.5"),
        (1000, "1000"),
        (25000, "25,000"),
        (0.025, "0.025"),
        (2e-5, r"$2\times10^{-5}$"),
    ],
)
def test_ticks_are_plain_decimals(value, text):
    assert style.format_tick(value) == text
