"""What is near a misspelt name."""

from ftag_prune.errors import nearest


def test_close_names_come_first():
    assert nearest("jet_ptt", ["jet_eta", "jet_pt", "trk_d0"]) == "; nearest: 'jet_pt', 'jet_eta'"


def test_without_a_close_name_some_are_shown():
    assert nearest("zzz", ["a", "b", "c", "d"]) == "; there is: 'a', 'b', 'c', ..."
    assert nearest("zzz", ["a"]) == "; there is: 'a'"
    assert nearest("zzz", []) == ""
