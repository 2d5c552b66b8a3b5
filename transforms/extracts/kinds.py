"""The kinds of extract: which columns each has, which are required, their codes and keys."""

from dataclasses import dataclass, field, replace

from transforms.columns import COLUMNS, ColumnType


@dataclass(frozen=True)
class KindColumn:
    """One column of a kind. `open_when_empty`: empty means open, so a bad cell is no empty one."""

    name: str
    required: bool
    type: ColumnType
    labels: tuple[str, ...]
    codes: tuple[str, ...] = ()
    open_when_empty: bool = False
    never_negative: bool = False


@dataclass(frozen=True)
class Kind:
    """One kind of extract; `titles` start the names of its files, `key` names one row."""

    name: str
    titles: tuple[str, ...]
    columns: tuple[KindColumn, ...]
    key: tuple[str, ...] = ()
    bucketed: bool = False
    column_named: dict[str, KindColumn] = field(default_factory=dict, compare=False)


OPEN_WHEN_EMPTY = frozenset(
    ["ends_on", "ended_on", "closed_on", "valid_to", "to_date", "pension_from", "benefit_type"]
)
NEVER_NEGATIVE = frozenset(["staff", "revenue_wan_x100", "assets_wan_x100", "days", "months_used"])
SUBJECT_KINDS = "单位 个人"
LABOUR_CONTRACTS = "固定期限 无固定期限 以完成一定工作任务为期限"


def _column(spec: str, codes: str = "", labels: str = "") -> KindColumn:
    name = spec.rstrip("!")
    entry = COLUMNS[name]
    return KindColumn(
        name=name,
        required=spec.endswith("!"),
        type=entry.type,
        labels=(name, *entry.labels, *labels.split()),
        codes=tuple(codes.split()),
        open_when_empty=name in OPEN_WHEN_EMPTY,
        never_negative=name in NEVER_NEGATIVE,
    )


def _kind(
    name: str, titles: str, *columns: KindColumn, key: str = "", bucketed: bool = False
) -> Kind:
    return Kind(
        name=name,
        titles=(name, *titles.split()),
        columns=columns,
        key=tuple(key.split()),
        bucketed=bucketed,
        column_named={column.name: column for column in columns},
    )


_c = _column
_AS_ANY_ID = replace(_c("subject_id!"), type="any_id")

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _kind(
            "registrations",
            "市场主体登记",
            _c("employer_code!"),
            _c("employer_name!"),
            _c(
                "entity_type!",
                "企业 个体工商户 社会团体 民办非企业 机关 事业单位 农民专业合作社 村居委会",
            ),
            _c("status!", "存续 在业 注销 吊销 迁出"),
            _c(
                "size_line",
                "农林牧渔业 工业 建筑业 批发业 零售业 交通运输业 仓储业 邮政业 住宿业 餐饮业 "
                "信息传输业 软件和信息技术服务业 房地产开发经营 物业管理 "
                "租赁和商务服务业 其他未列明行业",
            ),
            _c("size_class", "大型 中型 小型 微型"),
            _c("staff"),
            _c("revenue_wan_x100"),
            _c("assets_wan_x100"),
            _c("founded_on"),
            _c("division_code"),
            _c("legal_rep_id"),
            key="employer_code",
        ),
        _kind(
            "insured_units",
            "单位参保信息",
            _c("unit_no!"),
            _c("employer_code!"),
            _c("employer_name!"),
            _c("is_dispatch!", "是 否"),
            key="unit_no",
        ),
        _kind(
            "insured_persons",
            "个人参保信息",
            _c("person_id!"),
            _c("name!"),
            _c("sex", "男 女"),
            _c("staff_category", "工人 干部 农民工"),
            _c("pension_from"),
            key="person_id",
        ),
        _kind(
            "contributions",
            "个人缴费明细",
            _c("serial_no!"),
            _c("unit_no"),
            _c("name!"),
            _c("person_id!"),
            _c("insurance!", "养老 医疗 失业 工伤 生育"),
            _c("month!", "", "费款所属期 对应费款所属期"),
            _c("base_fen"),
            _c("unit_fen!"),
            _c("person_fen!"),
            _c("entry!", "正常 补缴 退费"),
            _c("state!", "已到账 未到账 缓缴"),
            _c("paid_on"),
            key="serial_no",
            bucketed=True,
        ),
        _kind(
            "payroll",
            "工资发放明细",
            _c("employer_code!"),
            _c("name!"),
            _c("person_id!"),
            _c("month!", "", "发放月份 工资所属月"),
            _c("gross_fen!"),
            _c("net_fen!"),
            _c("days"),
            _c("paid_on!"),
            _c("account_no"),
            _c("serial_no"),
            key="serial_no",
            bucketed=True,
        ),
        _kind(
            "attendance",
            "考勤明细",
            _c("employer_code!"),
            _c("name!"),
            _c("person_id!"),
            _c("worked_on!"),
            bucketed=True,
        ),
        _kind(
            "employment",
            "就业登记 劳动用工备案",
            _c("employer_code!"),
            _c("name!"),
            _c("person_id!"),
            _c("contract_type!", f"{LABOUR_CONTRACTS} 就业见习 公益性岗位"),
            _c("starts_on!"),
            _c("ends_on"),
            _c("ended_on"),
            _c(
                "end_reason",
                "退休 死亡 合同期满 本人辞职 统筹转移 参军升学 集团内调动 协商解除 经济性裁员 "
                "严重违纪 破产关闭 其他",
            ),
        ),
        _kind(
            "unemployment",
            "失业登记",
            _c("name!"),
            _c("person_id!"),
            _c("registered_on!"),
            _c("closed_on"),
            _c("willing", "有 无"),
        ),
        _kind(
            "unemployment_benefits",
            "失业保险金待遇",
            _c("name!"),
            _c("person_id!"),
            _c("last_unit_no"),
            _c("from_month!"),
            _c("to_month!"),
            _c("benefit_type", "失业保险金 续发"),
            _c("payment_id"),
        ),
        _kind(
            "residents",
            "户籍人口",
            _c("person_id!"),
            _c("name!"),
            _c("household_no!"),
            _c("division_code"),
            key="person_id",
        ),
        _kind(
            "graduates",
            "高校毕业生名册",
            _c("person_id!"),
            _c("name!"),
            _c("school"),
            _c("degree"),
            _c("graduated_on!"),
        ),
        _kind(
            "designations",
            "认定名单",
            _c("list!"),
            _c("subject_kind!", SUBJECT_KINDS),
            _c("subject_id!"),
            _c("subject_name!"),
            _c("valid_from!"),
            _c("valid_to"),
            _c("document_no"),
        ),
        _kind(
            "accounts",
            "收款账户",
            _c("subject_kind!", SUBJECT_KINDS),
            _c("subject_id!"),
            _c("holder!"),
            _c("account_no!"),
            _c("bank_name!"),
            _c("bank_code"),
            _c("account_state!", "正常 挂失 冻结 销户"),
        ),
        _kind(
            "deaths",
            "死亡信息",
            _c("name!"),
            _c("person_id!"),
            _c("died_on!"),
            _c("source", "公安注销 死亡医学证明 火化"),
        ),
        _kind(
            "custody",
            "服刑信息",
            _c("name!"),
            _c("person_id!"),
            _c("from_date!"),
            _c("to_date"),
        ),
        _kind(
            "support",
            "政策享受台账",
            _c(
                "support_type!",
                "公益性岗位 公益性岗位延长 灵活就业社保补贴 灵活就业社保补贴延长 "
                "高校毕业生社保补贴 高校毕业生灵活就业社保补贴 就业见习补贴 "
                "一次性吸纳就业补贴 一次性用工补贴 稳岗返还",
            ),
            _c("subject_kind!", SUBJECT_KINDS),
            _c("subject_id!"),
            _c("subject_name!"),
            _c("from_month!"),
            _c("to_month!"),
            _c("months_used!"),
            _c("amount_fen"),
            _c("payment_id"),
        ),
        _kind(
            "clerical_links",
            "身份核对结论",
            _c("kind!"),
            _c("file_digest!"),
            _c("line!"),
            _c("person_id", "", "认定的身份证号"),
            _c("decided_by!"),
            _c("decided_on!"),
        ),
        _kind(
            "clerical_decisions",
            "人工裁定",
            _c("policy_id!"),
            _c("period!"),
            _AS_ANY_ID,
            _c("beneficiary_id!"),
            _c("provision!"),
            _c("decision!", "是 否"),
            _c("decided_by!"),
            _c("decided_on!"),
            _c("document_no"),
        ),
    )
}
