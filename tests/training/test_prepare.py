from facelattice.training.prepare import graph_metadata, load_training_data
from facelattice.training.recipe_file import load_recipe


def test_pseudo_labels_are_not_used_for_validation(write_recipe, faces):
    source = {"path": str(faces), "name": "tiny"}
    both = load_training_data(load_recipe(write_recipe(data=[source, {**source, "pseudo_labels": True}])))
    one = load_training_data(load_recipe(write_recipe(data=[source])))
    assert [s.path for s in both.val] == [s.path for s in one.val]
    assert len(both.train) == len(one.train) + 12


def test_graph_metadata_is_plain_data(write_recipe):
    data = load_training_data(load_recipe(write_recipe()))
    metadata = graph_metadata(data.train, k=3, symmetric=False)
    assert (metadata["k"], metadata["symmetric"], len(metadata["edges"]), len(metadata["shape"])) == (3, False, 204, 68)
    for landmark, neighbor, correlation in metadata["edges"]:
        assert landmark != neighbor
        assert 0 <= correlation <= 1
