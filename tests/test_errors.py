"""What is near a misspelt name, and how the texts of others stand in a sentence."""

from ftag_prune.errors import nearest, shortened


def test_close_names_come_first():
    assert nearest("jet_ptt", ["jet_eta", "jet_pt", "trk_d0"]) == "; nearest: 'jet_pt', 'jet_eta'"


def test_without_a_close_name_some_are_shown():
    assert nearest("zzz", ["a", "b", "c", "d"]) == "; there is: 'a', 'b', 'c', ..."
    assert nearest("zzz", ["a"]) == "; there is: 'a'"
    assert nearest("zzz", []) == ""


def test_a_text_of_somebody_is_one_line_of_bounded_length():
    assert shortened("pt >\n  20") == "pt > 20"
    assert shortened("x" * 60) == "x" * 60
    assert shortened("x" * 61) == "x" * 57 + "..."
    assert shortened("abcdefgh", 6) == "abc..."
