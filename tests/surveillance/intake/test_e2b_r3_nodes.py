"""Ways through the tree of a message: which of several elements is taken, and what is not there."""

from lxml import etree

from surveillance.intake.e2b_r3_nodes import child, descendants, observations, observed, values

TREE = etree.fromstring(
    "<role>"
    '<subjectOf2><note/><observation><code code="3"/><code code="4"/><value value="1"/>'
    '<value value="2"/></observation></subjectOf2>'
    "<subjectOf2><observation/></subjectOf2>"
    '<subjectOf2><observation><code/></observation><observation><code code="5"/></observation>'
    "</subjectOf2>"
    "</role>"
)


def test_a_way_leads_through_the_first_of_each_name_and_does_not_turn_back() -> None:
    value = child(TREE, "subjectOf2", "observation", "value")
    assert value is not None
    assert value.get("value") == "1"
    assert child(TREE, "subjectOf2", "act") is None
    assert child(None, "subjectOf2") is None
    backwards = etree.fromstring("<a><b/><b><c/></b></a>")
    assert child(backwards, "b", "c") is None


def test_every_descendant_of_a_name_is_found_in_its_order() -> None:
    found = descendants(TREE, "subjectOf2", "observation")
    assert [len(each) for each in found] == [4, 0, 1, 1]


def test_of_several_codes_in_an_observation_the_last_counts_and_of_values_the_first() -> None:
    one = observed(TREE[0])
    assert one is not None
    assert one.value is not None
    assert (one.code, one.value.get("value")) == ("4", "1")


def test_a_holder_of_nothing_with_a_code_is_no_observation() -> None:
    assert [one.code for one in observations(TREE, "subjectOf2")] == ["4", ""]
    assert list(values(TREE, "subjectOf2")) == ["4", ""]
