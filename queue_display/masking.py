"""Names as the platform may hold them: 张三 → 张*, 张三丰 → 张*丰, 阿卜杜拉·买买提 → 阿******提."""

MASK = "*"


def mask_name(name: str) -> str:
    """The name with everything hidden but its first and, from three characters on, its last one.

    A name that was masked before stays as it is. A word of the Latin alphabet keeps its first letter only.
    """
    name = name.strip()
    if len(name) < 2 or MASK in name:
        return name
    if name.isascii() or len(name) == 2:
        return name[0] + MASK * (len(name) - 1)
    return name[0] + MASK * (len(name) - 2) + name[-1]
