"""Invented people: names, birthdays and documents that look right and belong to nobody.

Names are random combinations. Document numbers carry a region code and telephone numbers a prefix that
were never issued, so none of them can be a real person's.
"""

import random
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘蔡蒋余于杜叶程魏苏吕丁"
    "任卢姚沈钟姜崔谭陆范汪廖石金"
    "韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万钱覃武戴孔汤庞樊兰殷施洪翟安颜倪严牛温"
    "芦季俞章鲁葛伍"
)
_COMPOUND = ("欧阳", "上官", "司马", "诸葛", "司徒", "慕容", "皇甫", "令狐", "端木", "东方", "尉迟", "夏侯")
_FEMALE = (
    "芳娜敏静秀娟英华慧巧美婷玉萍红月彩春菊凤洁梅琳素云莲真环雪荣爱妹霞香艳瑞凡佳嘉琼勤珍贞莉桂娣叶璧"
    "璐娅琦晶妍茜秋珊莎锦黛青倩婉娴瑾颖露瑶怡婵雁蓓"
)
_MALE = (
    "伟刚勇毅俊峰强军平保东文辉力明永健世广志义兴良海山仁波宁贵福生龙元全国胜学祥才发武新利清飞彬富顺"
    "信子杰涛昌成康星光天达安岩中茂进林有坚和彪博诚"
)
_CHILD = "梓轩宇浩涵欣怡子睿一诺沐宸依晨可馨雨泽思远语桐奕辰若汐明哲嘉懿诗琪皓铭芮"
_RARE = "䶮㛃㬎䴙𬭚𬱖𫍯"
"""Given-name characters outside GBK; most take four bytes in GB18030."""
_UYGHUR = (
    "买买提",
    "阿依古丽",
    "艾力",
    "吐尔逊",
    "古丽娜尔",
    "阿卜杜拉",
    "热依汗",
    "玉素甫",
    "帕提古丽",
    "努尔兰",
    "巴哈尔",
    "艾尼瓦尔",
)
_TIBETAN = ("扎西", "卓玛", "次仁", "达瓦", "格桑", "央金", "多吉", "旺姆", "平措", "拉姆")

_WEIGHTS = tuple(1.0 / (rank + 6) for rank in range(len(_SURNAMES)))
_CUMULATIVE = tuple(accumulate(_WEIGHTS))
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    female: bool
    born: date
    document: str
    """An 18-character id number, or empty."""
    telephone: str
    guardian: str
    """Who comes along with a child; empty for adults."""


def invent(
    rng: random.Random, *, age: int, female: bool, today: date = date(2026, 1, 1), common_only: bool = False
) -> Person:
    """Invent one person of that age and sex. ``common_only`` keeps to short Han names (for staff)."""
    born = today - timedelta(days=age * 365 + age // 4 + rng.randrange(365))
    surname = rng.choices(_SURNAMES, cum_weights=_CUMULATIVE)[0]
    if common_only:
        return Person(surname + _given(rng, age, female), female, born, "", "", "")
    roll = rng.random()
    if roll < 0.012:
        name = f"{rng.choice(_UYGHUR)}·{rng.choice(_UYGHUR)}"
    elif roll < 0.018:
        name = rng.choice(_TIBETAN) + rng.choice(_TIBETAN)
    elif roll < 0.032:
        surname = rng.choice(_COMPOUND)
        name = surname + _given(rng, age, female)
    elif roll < 0.038:
        name = surname + rng.choice(_RARE)
    else:
        name = surname + _given(rng, age, female)
    guardian = surname + _given(rng, age + 30, rng.random() < 0.6) if age < 14 else ""
    document = _document(rng, born, female) if rng.random() < 0.9 else ""
    telephone = f"100{rng.randrange(10**8):08d}" if rng.random() < 0.93 else ""
    return Person(name, female, born, document, telephone, guardian)


def _given(rng: random.Random, age: int, female: bool) -> str:
    letters = _CHILD if age < 14 else _FEMALE if female else _MALE
    if rng.random() < (0.12 if age < 50 else 0.25):
        return rng.choice(letters)
    return rng.choice(letters) + rng.choice(letters)


def _document(rng: random.Random, born: date, female: bool) -> str:
    """An id number with a right check digit and the region 99…, which no province has."""
    order = rng.randrange(100) * 10 + rng.randrange(5) * 2 + (0 if female else 1)
    body = f"99{rng.randrange(1, 100):02d}{rng.randrange(1, 100):02d}{born:%Y%m%d}{order:03d}"
    remainder = sum(int(digit) * weight for digit, weight in zip(body, _ID_WEIGHTS, strict=True)) % 11
    return body + "10X98765432"[remainder]
