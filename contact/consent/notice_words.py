"""The notices in the language of the customer. Pure."""

# ruff: noqa: E501 - sentences of a message, not code

from __future__ import annotations

WORDS = {
    "ko": {
        "given": (
            "[{organisation}] 광고성 정보 수신동의 처리 결과 안내",
            "[{organisation}] {day}에 광고성 정보 수신에 동의하셨으며, 동의가 정상적으로 처리되었습니다.\n"
            "수신동의 확인 및 철회: {link}",
        ),
        "refused": (
            "[{organisation}] 광고성 정보 수신거부 처리 결과 안내",
            "[{organisation}] {day}에 광고성 정보 수신을 거부하셨으며, 거부가 정상적으로 처리되었습니다."
            " 앞으로 광고성 정보를 보내지 않습니다.\n확인: {link}",
        ),
        "given_night": (
            "[{organisation}] 야간 광고성 정보 수신동의 처리 결과 안내",
            "[{organisation}] {day}에 야간(21시~08시) 광고성 정보 수신에 동의하셨으며, 동의가 정상적으로 처리되었습니다.\n"
            "수신동의 확인 및 철회: {link}",
        ),
        "refused_night": (
            "[{organisation}] 야간 광고성 정보 수신거부 처리 결과 안내",
            "[{organisation}] {day}에 야간(21시~08시) 광고성 정보 수신을 거부하셨으며, 거부가 정상적으로 처리되었습니다.\n"
            "확인: {link}",
        ),
        "confirm": (
            "[{organisation}] 광고성 정보 수신동의 확인 안내",
            "[{organisation}] {day}에 광고성 정보 수신에 동의하셨습니다. 정보통신망법에 따라 2년마다 수신동의 여부를 안내해 드립니다.\n"
            "동의를 유지하시려면 따로 하실 일이 없습니다. 동의를 철회하시려면 아래 주소에서 언제든지 철회하실 수 있습니다.\n{link}",
        ),
    },
    "en": {
        "given": (
            "[{organisation}] Your consent to advertising",
            "[{organisation}] On {day} you agreed to receive advertising from us. We have noted it.\n"
            "See or withdraw your consent: {link}",
        ),
        "refused": (
            "[{organisation}] Your refusal of advertising",
            "[{organisation}] On {day} you refused advertising from us. We have noted it and send you no more.\n"
            "See your choice: {link}",
        ),
        "given_night": (
            "[{organisation}] Your consent to advertising at night",
            "[{organisation}] On {day} you agreed to receive advertising at night (21:00 to 08:00). We have noted it.\n"
            "See or withdraw your consent: {link}",
        ),
        "refused_night": (
            "[{organisation}] Your refusal of advertising at night",
            "[{organisation}] On {day} you refused advertising at night (21:00 to 08:00). We have noted it.\n"
            "See your choice: {link}",
        ),
        "confirm": (
            "[{organisation}] You still receive advertising from us",
            "[{organisation}] On {day} you agreed to receive advertising from us. Korean law asks us to remind you of it"
            " every two years.\nTo keep your consent you need not do anything. You can withdraw it at any time here:\n{link}",
        ),
    },
}
"""They leave the house, so they are in the customer's language and not the agent's."""
