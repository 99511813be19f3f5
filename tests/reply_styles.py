"""How mail programs write an answer: what stands above the quotation, by program and language. Facts, gathered by eye.

Each is (name, body, the sender's own words). Used by `test_email_quote.py`.
"""

# ruff: noqa: E501 - mail programs write long lines

from __future__ import annotations

OWN = "네, 그렇게 진행해 주세요."
OLD = "안녕하세요, 고객님.\n주소를 확인해 주세요."
QUOTED = "> 안녕하세요, 고객님.\n> 주소를 확인해 주세요."

TEXT: list[tuple[str, str, str]] = [
    ("gmail ko", f"{OWN}\n\n2026년 3월 2일 (월) 오후 3:21, 한마루 상점 <help@shop.example>님이 작성:\n\n{QUOTED}\n", OWN),
    ("gmail ko, wrapped before the verb", f"{OWN}\n\n2026년 3월 2일 (월) 오후 3:21, 한마루 상점 <help+c12.f2bwbwizjw6325cw@shop.example>님이\n작성:\n\n{QUOTED}\n", OWN),
    ("gmail ko 24h", f"{OWN}\n\n2026년 3월 2일 (월) 15:21, 한마루 상점 <help@shop.example>님이 작성:\n\n{QUOTED}\n", OWN),
    ("gmail ko, short date", f"{OWN}\n\n26. 3. 2. (월) 오후 3:21, 한마루 상점 <help@shop.example>님이 작성:\n{QUOTED}\n", OWN),
    ("gmail en", f"{OWN}\n\nOn Mon, Mar 2, 2026 at 3:21 PM 한마루 상점 <help@shop.example> wrote:\n\n{QUOTED}\n", OWN),
    ("gmail en, wrapped", f"{OWN}\n\nOn Mon, Mar 2, 2026 at 3:21 PM 한마루 상점 <\nhelp+c12.f2bwbwizjw6325cw@shop.example> wrote:\n\n{QUOTED}\n", OWN),
    ("outlook ko desktop", f"{OWN}\n\n보낸 사람: 한마루 상점 <help@shop.example> \n보낸 날짜: 2026년 3월 2일 월요일 오후 3:21\n받는 사람: 김철수 <kim@customer.example>\n제목: RE: 배송 문의\n\n{OLD}\n", OWN),
    ("outlook ko web", f"{OWN}\n________________________________\n보낸 사람: 한마루 상점 <help@shop.example>\n보낸 날짜: 2026년 3월 2일 월요일 오후 3:21\n받는 사람: 김철수 <kim@customer.example>\n제목: RE: 배송 문의\n\n{OLD}\n", OWN),
    ("outlook ko new, sent at", f"{OWN}\n\n________________________________\n보낸 사람: 한마루 상점 <help@shop.example>\n보낸 시간: 2026년 3월 2일 월요일 15:21\n받는 사람: 김철수 <kim@customer.example>\n참조: 이영희 <lee@customer.example>\n제목: RE: 배송 문의\n\n{OLD}\n", OWN),
    ("outlook ko, old", f"{OWN}\n\n-----원본 메시지-----\n보낸 사람: 한마루 상점 [mailto:help@shop.example] \n보낸 날짜: 2026년 3월 2일 월요일 오후 3:21\n받는 사람: 김철수\n제목: RE: 배송 문의\n\n{OLD}\n", OWN),
    ("outlook en", f"{OWN}\n\nFrom: 한마루 상점 <help@shop.example>\nSent: Monday, March 2, 2026 3:21 PM\nTo: 김철수 <kim@customer.example>\nSubject: RE: 배송 문의\n\n{OLD}\n", OWN),
    ("outlook en, old", f"{OWN}\n\n-----Original Message-----\nFrom: 한마루 상점 <help@shop.example>\nSent: Monday, March 2, 2026 3:21 PM\nTo: 김철수\nSubject: RE: 배송 문의\n\n{OLD}\n", OWN),
    ("outlook, stars around the fields", f"{OWN}\n\n*보낸 사람:* 한마루 상점 <help@shop.example>\n*보낸 날짜:* 2026년 3월 2일 월요일 오후 3:21\n*받는 사람:* 김철수 <kim@customer.example>\n*제목:* 배송 문의\n\n{OLD}\n", OWN),
    ("outlook ios ko", f"{OWN}\n\niOS용 Outlook 받기\n________________________________\n보낸 사람: 한마루 상점 <help@shop.example>\n보낸 날짜: 2026년 3월 2일 월요일 오후 3:21\n받는 사람: 김철수\n제목: 배송 문의\n\n{OLD}\n", OWN),
    ("outlook android ko", f"{OWN}\n\nAndroid용 Outlook 다운로드<https://aka.ms/AAb9ysg>\n________________________________\nFrom: 한마루 상점 <help@shop.example>\nSent: Monday, March 2, 2026 3:21:33 PM\nTo: 김철수\nSubject: 배송 문의\n\n{OLD}\n", OWN),
    ("outlook ios en", f"{OWN}\n\nGet Outlook for iOS<https://aka.ms/o0ukef>\n________________________________\nFrom: 한마루 상점 <help@shop.example>\nSent: Monday, March 2, 2026 3:21:33 PM\nTo: 김철수\nSubject: 배송 문의\n\n{OLD}\n", OWN),
    ("apple ko", f"{OWN}\n\n> 2026. 3. 2. 오후 3:21, 한마루 상점 <help@shop.example> 작성:\n> \n{QUOTED}\n", OWN),
    ("apple ko, macos", f"{OWN}\n\n> 2026. 3. 2., 15:21, 한마루 상점 <help@shop.example> 작성:\n> \n{QUOTED}\n", OWN),
    ("apple ko, unquoted line", f"{OWN}\n\n2026. 3. 2. 오후 3:21, 한마루 상점 <help@shop.example> 작성:\n\n{QUOTED}\n", OWN),
    ("apple en", f"{OWN}\n\n> On Mar 2, 2026, at 3:21 PM, 한마루 상점 <help@shop.example> wrote:\n> \n{QUOTED}\n", OWN),
    ("iphone ko", f"{OWN}\n\n나의 iPhone에서 보냄\n\n> 2026. 3. 2. 오후 3:21, 한마루 상점 <help@shop.example> 작성:\n> \n{QUOTED}\n", OWN),
    ("ipad ko", f"{OWN}\n\n나의 iPad에서 보냄\n\n> 2026. 3. 2. 오후 3:21, 한마루 상점 <help@shop.example> 작성:\n{QUOTED}\n", OWN),
    ("iphone forwards", f"{OWN}\n\n전달된 메시지 시작:\n\n보낸 사람: 한마루 상점 <help@shop.example>\n날짜: 2026. 3. 2. 오후 3:21:33 GMT+9\n받는 사람: kim@customer.example\n제목: 배송 문의\n\n{OLD}\n", OWN),
    ("thunderbird ko", f"{OWN}\n\n2026-03-02 오후 3:21에 한마루 상점 이(가) 쓴 글:\n{QUOTED}\n", OWN),
    ("thunderbird ko, new", f"{OWN}\n\n26. 3. 2. 15:21에 한마루 상점 이(가) 쓴 글:\n{QUOTED}\n", OWN),
    ("thunderbird ko, forward", f"{OWN}\n\n-------- 전달된 메시지 --------\n제목: \t배송 문의\n날짜: \tMon, 2 Mar 2026 15:21:33 +0900\n보낸 사람: \t한마루 상점 <help@shop.example>\n받는 사람: \tkim@customer.example\n\n{OLD}\n", OWN),
    ("thunderbird en", f"{OWN}\n\nOn 3/2/2026 3:21 PM, 한마루 상점 wrote:\n{QUOTED}\n", OWN),
    ("naver", f'{OWN}\n\n-----Original Message-----\nFrom: "한마루 상점"<help@shop.example>\nTo: "김철수"<kim@naver.example>;\nCc:\nSent: 2026-03-02 (월) 15:21:33 (GMT+09:00)\nSubject: 배송 문의\n\n{OLD}\n', OWN),
    ("naver, with spaces", f'{OWN}\n \n-----Original Message-----\nFrom: "한마루 상점"&lt;help@shop.example&gt; \nTo: &lt;kim@naver.example&gt;; \nCc: \nSent: 2026-03-02 (월) 15:21:33 (GMT+09:00)\nSubject: Re: 배송 문의\n \n{OLD}\n', OWN),
    ("naver app", f'{OWN}\n\n네이버 메일앱에서 보냈습니다.\n\n-----Original Message-----\nFrom: "한마루 상점"<help@shop.example>\nTo: <kim@naver.example>\nSent: 2026-03-02 (월) 15:21:33\nSubject: 배송 문의\n\n{OLD}\n', OWN),
    ("daum", f'{OWN}\n\n--------- 원본 메일 ---------\n보낸사람 : "한마루 상점" <help@shop.example>\n받는사람 : <kim@daum.example>\n날짜 : 2026년 3월 02일(월) 15:21:33\n제목 : 배송 문의\n\n{OLD}\n', OWN),
    ("daum, original message", f'{OWN}\n\n---------- 원본 메세지 ----------\n보낸사람: 한마루 상점 <help@shop.example>\n받는사람: kim@hanmail.example\n날짜: 26.03.02 15:21 GMT +0900\n제목: 배송 문의\n\n{OLD}\n', OWN),
    ("kakao mail", f"{OWN}\n\n-------원본 메일-------\n보낸 사람: 한마루 상점 <help@shop.example>\n받는 사람: kim@kakao.example\n보낸 날짜: 2026.03.02 15:21\n제목: 배송 문의\n\n{OLD}\n", OWN),
    ("hiworks", f'{OWN}\n\n----- 원본 메시지 -----\n보낸이: "한마루 상점" <help@shop.example>\n받는이: "김철수" <kim@customer.example>\n보낸날짜: 2026-03-02 15:21:33\n제목: 배송 문의\n\n{OLD}\n', OWN),
    ("hiworks, original message", f'{OWN}\n\n--------- Original Message ---------\nSender : "한마루 상점" <help@shop.example>\nDate : 2026-03-02 15:21 (GMT+9)\nTitle : 배송 문의\n\n{OLD}\n', OWN),
    ("samsung knox", f"{OWN}\n\n--------- Original Message ---------\nSender : 한마루 상점 <help@shop.example> 책임/고객지원그룹\nDate : 2026-03-02 15:21 (GMT+9)\nTitle : 배송 문의\nTo : 김철수\n\n{OLD}\n", OWN),
    ("samsung galaxy", f"{OWN}\n\n내 Galaxy에서 보냄\n\n-------- 원본 이메일 --------\n발신: 한마루 상점 <help@shop.example>\n날짜: 26/3/2 오후 3:21 (GMT+09:00)\n수신: 김철수 <kim@customer.example>\n제목: 배송 문의\n\n{OLD}\n", OWN),
    ("samsung phone, old words", f"{OWN}\n\n삼성 휴대폰에서 보냈습니다.\n\n-------- 원본 메시지 --------\n보낸 사람: 한마루 상점 <help@shop.example>\n날짜: 26/3/2 오후 3:21 (GMT+09:00)\n받은 사람: kim@customer.example\n제목: 배송 문의\n\n{OLD}\n", OWN),
    ("lg uplus works", f"{OWN}\n\n----- Original Message -----\nFrom : 한마루 상점 <help@shop.example>\nTo : 김철수\nSent : 2026-03-02 15:21:33\nSubject : 배송 문의\n\n{OLD}\n", OWN),
    ("dooray", f"{OWN}\n\n-----Original Message-----\nFrom: 한마루 상점 <help@shop.example>\nTo: 김철수 <kim@customer.example>\nCc: \nSent: 2026-03-02 (월) 15:21:33 (UTC+09:00)\nSubject: 배송 문의\n\n{OLD}\n", OWN),
    ("gmail forwards ko", f"{OWN}\n\n---------- Forwarded message ---------\n보낸사람: 한마루 상점 <help@shop.example>\nDate: 2026년 3월 2일 (월) 오후 3:21\nSubject: 배송 문의\nTo: <kim@customer.example>\n\n{OLD}\n", OWN),
    ("yahoo", f"{OWN}\n\n  On Monday, March 2, 2026 at 03:21:33 PM GMT+9, 한마루 상점 <help@shop.example> wrote:\n\n{OLD}\n", OWN),
    ("two levels", f"{OWN}\n\n2026년 3월 2일 (월) 오후 3:21, 한마루 상점 <help@shop.example>님이 작성:\n\n{QUOTED}\n>\n> 2026년 3월 1일 (일) 오후 1:00, 김철수 <kim@customer.example>님이 작성:\n>\n>> 배송이 안 옵니다.\n", OWN),
]  # fmt: skip

MOBILE = [
    "나의 iPhone에서 보냄", "나의 iPad에서 보냄", "iPhone에서 보냄", "내 Galaxy에서 보냄", "내 갤럭시에서 보냄",
    "삼성 휴대폰에서 보냈습니다.", "네이버 메일앱에서 보냈습니다.", "iOS용 Outlook 받기", "Android용 Outlook 다운로드",
    "Sent from my iPhone", "Sent from my Galaxy", "Get Outlook for iOS", "Sent from Mail for Windows", "카카오메일 앱에서 보냄",
    "다음메일 앱에서 보냄", "Gmail 모바일에서 보냄",
]  # fmt: skip
