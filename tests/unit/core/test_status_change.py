"""Which changes are made, which are the last one again, and which are refused."""

import pytest

from anchoring.core.status import StatusPurpose
from anchoring.core.status_change import UNCHANGED, IndexState, StatusAction, is_new
from anchoring.errors import Conflict, InvalidInput

REVOKE, SUSPEND, REINSTATE = StatusAction
SET, LIFTED = IndexState(is_set=True, changes=1), IndexState(is_set=False, changes=2)
SET_AGAIN = IndexState(is_set=True, changes=3)


def test_actions_change_the_bit_of_their_purpose():
    assert [(action.purpose, action.is_set) for action in StatusAction] == [
        (StatusPurpose.REVOCATION, True),
        (StatusPurpose.SUSPENSION, True),
        (StatusPurpose.SUSPENSION, False),
    ]


@pytest.mark.parametrize(
    ("action", "expected", "state", "made"),
    [
        (REVOKE, None, UNCHANGED, True),
        (REVOKE, 0, UNCHANGED, True),
        (REVOKE, None, SET, False),
        (REVOKE, 0, SET, False),
        (REVOKE, 7, SET, False),  # for good: nothing that is asked can differ from what is
        (SUSPEND, None, UNCHANGED, True),
        (SUSPEND, 0, UNCHANGED, True),
        (SUSPEND, None, SET, False),
        (SUSPEND, 0, SET, False),
        (SUSPEND, 2, LIFTED, True),
        (SUSPEND, 2, SET_AGAIN, False),
        (REINSTATE, 1, SET, True),
        (REINSTATE, 1, LIFTED, False),
        (REINSTATE, 3, SET_AGAIN, True),
    ],
)
def test_change_is_made_or_is_the_last_one_again(action, expected, state, made):
    assert is_new(action, expected, state) is made


@pytest.mark.parametrize(
    ("action", "expected", "state", "words"),
    [
        (REVOKE, 1, UNCHANGED, "0 changes"),
        (SUSPEND, None, LIFTED, "2 changes and is not suspended"),  # the first request to suspend, sent again after it was lifted
        (SUSPEND, 0, LIFTED, "2 changes"),
        (SUSPEND, 0, SET_AGAIN, "3 changes and is suspended"),
        (SUSPEND, 1, SET, "1 changes"),
        (REINSTATE, 1, SET_AGAIN, "3 changes"),  # the first request to reinstate, sent again
        (REINSTATE, 0, UNCHANGED, "not suspended"),
        (REINSTATE, 2, LIFTED, "2 changes"),
    ],
)
def test_change_as_of_another_state_is_refused(action, expected, state, words):
    with pytest.raises(Conflict, match=words) as caught:
        is_new(action, expected, state, at="$.changes[3]")
    assert caught.value.message.startswith("$.changes[3]: ")


@pytest.mark.parametrize("state", [UNCHANGED, SET, LIFTED])
def test_reinstating_names_the_change_it_lifts(state):
    with pytest.raises(InvalidInput, match="expected"):
        is_new(REINSTATE, None, state, at="$.changes[3]")
