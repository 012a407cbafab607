"""Agreement of directions against rotations whose angles are known."""

import math

import pytest
import torch

from denoscope.errors import InputError
from denoscope.metrics import (
    cluster_angles,
    clusters,
    principal_angles,
    subspace_overlap,
    vector_correlation,
)

D = 12


def basis(seed=0, d=D):
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=torch.float64)).Q


def turned(u, i, j, angle):
    """Column i turned towards column j."""
    out = u.clone()
    out[:, i] = math.cos(angle) * u[:, i] + math.sin(angle) * u[:, j]
    out[:, j] = -math.sin(angle) * u[:, i] + math.cos(angle) * u[:, j]
    return out


def test_correlation_against_loops_and_whatever_the_signs():
    u, v = basis(0)[:, :4], basis(1)[:, :3]
    found = vector_correlation(u, v)
    assert found.shape == (4, 3)
    for i in range(4):
        for j in range(3):
            assert found[i, j].item() == pytest.approx(abs(float(u[:, i] @ v[:, j])))
    torch.testing.assert_close(vector_correlation(-u, v), found)
    torch.testing.assert_close(vector_correlation(u, u), torch.eye(4).double())


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-3, 0.7, math.pi / 2])
def test_principal_angles_are_exact_from_tiny_to_right(angle):
    u = basis()
    found = principal_angles(u[:, :3], turned(u, 2, 7, angle)[:, :3])
    assert found[:2].max() < 1e-12
    assert found[2].item() == pytest.approx(angle, rel=1e-6, abs=1e-14)


def test_two_angles_come_in_order():
    u = basis()
    v = turned(turned(u, 0, 6, 0.9), 2, 7, 0.2)[:, [2, 1, 0]]
    torch.testing.assert_close(
        principal_angles(u[:, :3], v), torch.tensor([0.0, 0.2, 0.9]).double(), rtol=1e-6, atol=1e-9
    )


def test_overlap_against_loops_and_blind_to_rotations_inside():
    u, v = basis(0)[:, :5], basis(1)[:, :4]
    found = subspace_overlap(u, v)
    assert found.shape == (4,)
    for k in range(1, 5):
        inside = sum(float(u[:, i] @ v[:, j]) ** 2 for i in range(k) for j in range(k))
        assert found[k - 1].item() == pytest.approx(inside / k)
    w = turned(basis(), 0, 3, 1.1)[:, :4]
    assert subspace_overlap(basis()[:, :4], w)[3].item() == pytest.approx(1.0)
    assert subspace_overlap(basis()[:, :4], w)[0].item() == pytest.approx(math.cos(1.1) ** 2)


def test_random_spans_overlap_by_k_over_d():
    found = torch.stack(
        [
            subspace_overlap(basis(s, 200)[:, :20], torch.eye(200, 20).double())[-1]
            for s in range(10)
        ]
    )
    assert float(found.mean()) == pytest.approx(20 / 200, rel=0.1)


def test_clusters_are_cut_at_relative_gaps():
    values = torch.tensor([10.0, 9.95, 9.0, 8.95, 8.93, 1.0, 0.999, 0.0, 0.0])
    cut = [(part.start, part.stop) for part in clusters(values)]
    assert cut == [(0, 2), (2, 5), (5, 7), (7, 9)]
    assert [(p.start, p.stop) for p in clusters(values, gap=0.0)][:2] == [(0, 1), (1, 2)]
    assert clusters(torch.tensor([2.0])) == [slice(0, 1)]
    for bad in (torch.tensor([1.0, 2.0]), torch.ones(2, 2), torch.zeros(0)):
        with pytest.raises(InputError, match="from large to small"):
            clusters(bad)


def test_a_rotation_inside_a_cluster_is_no_error_and_one_out_of_it_is():
    u, values = basis(), torch.tensor([4.0, 3.0, 2.999, 2.998, 2.0, 1.999, 1.0])
    inside = turned(u, 1, 3, 1.0)
    assert vector_correlation(u, inside).diagonal()[:5].min() < 0.6
    found = cluster_angles(u[:, :5], inside[:, :5], values)
    assert found.shape == (2,)  # [4], [3, 2.999, 2.998]; 2.0 has its partner beyond the five
    assert found.max() < 1e-12
    out = turned(inside, 0, 8, 0.01)
    angles = cluster_angles(u[:, :6], out[:, :6], values)
    assert angles.shape == (3,)
    assert angles[0].item() == pytest.approx(0.01)
    assert angles[1:].max() < 1e-12
    assert cluster_angles(u[:, :1], u[:, :1], torch.tensor([1.0, 1.0])).shape == (0,)


def test_bad_input():
    u = basis()
    with pytest.raises(InputError, match="equally many"):
        principal_angles(u[:, :2], u[:, :3])
    with pytest.raises(InputError, match="give columns"):
        vector_correlation(u, u[:5])
    with pytest.raises(InputError, match="give columns"):
        subspace_overlap(u[:, :0], u)
    with pytest.raises(InputError, match="k or more"):
        cluster_angles(u[:, :3], u[:, :3], torch.ones(2))
