package lang

// longs are the descriptions of commands in full, by the command's path.
func longs() map[string]string {
	return map[string]string{
		"jieli": `接力是各区域 12345 热线中心运行的节点。各节点共享一份登记表（何地何事由谁承办），并跨区域转办诉求工单。

退出码：0 完成，1 失败，2 用法错误，3 不可用，4 未找到，5 无权限，6 冲突。`,
		"jieli completion": `输出 shell 补全脚本，可补全命令和选项；节点在一秒内应答时，还可补全区域、节点、事项和工单的编号。`,
		"jieli config check": `检查节点的配置。数据目录尚未属于任何联盟的节点时，本区域必须登记的内容也为必填。加 --mapping 则改为检查热线中心用词与接力的对照文件（类型、紧急程度、状态、分类，供接入工单系统的程序使用）；
同时给出 FILE 则两者都检查。`,
		"jieli config show": `把默认值、文件和环境变量依次叠加后显示，并注明每个值的来源。加 -o yaml 则输出内容相同的配置文件。`,
		"jieli demo": `在本机启动 jingjinji、changsanjiao 和 chengyu 三个区域，各有自己的进程、数据库、CA 和端口；完成登记与批准，
演示诉求的全过程，输出结果，然后保持运行直到 Ctrl-C。

加 --layout provinces 则为十一个：beijing、tianjin、hebei、shanghai、jiangsu、zhejiang、anhui、chongqing、sichuan，以及
在本省之内以更长前缀承办的 suzhou 和 xiongan（接口 8401 至 8411，联盟 7401 至 7411）。写明城市群的行由其中一个区域受理，
同一编号总在同一区域。

加 --exit 则结束后退出；加 -o json 则只输出一个计数的 JSON 对象。具有全部角色的令牌在 DIR/<区域>/admin.token。`,
		"jieli link test": `由节点以真实证书逐步试连该区域每个承办工单的节点：name（查名）、tcp、tls、identity（身份）、hello（问候）、registry（登记表）。
链路本身不受影响。全部正常时退出码为 0，否则为 1。`,
		"jieli node remove": `移除节点：立即断开，其他节点不再接受其证书。仅限该区域自己和发起区域的管理员。承办工单的节点须加 --force 才能移除。`,
		"jieli node set": `登记节点，或修改已登记的节点：未指定的保持不变。新节点须给出 --address；未另行指定时承载登记表，不承办工单。

仅限该区域自己和发起区域的管理员。对承办工单的节点用 --tickets=false，会使该区域无法与其他区域转办，直到其另一节点设为 --tickets，
因此须加 --force。`,
		"jieli pki rotate": `更换一项。更换 ca 之后：更新本区域登记（jieli region update），更换 node，再用 --retire-old-cas 并再次更新登记。
更换 signing 之后：更新登记，然后重启节点。`,
		"jieli pki show": `显示身份、指纹和到期时间。加 -o json 则输出 jieli region register --file 所需的内容：由密钥和配置的 region 一节
得到的区域登记，以及本节点。`,
		"jieli policy raise-level": `把登记表级别提升一级，以便使用较新的命令。不可回退：此后不支持该级别的程序只能以旧表服务。各节点支持的级别见
jieli node list。`,
		"jieli policy set": `修改规定；未指定的保持不变。仅限发起区域的管理员；其他区域的管理员可修改本区域的时限。

--registry-grace：节点失去法定多数后，还可按最后的路由表转办多久。
--link-version-floor：对方链路版本的下限；更旧的程序将被断开。
--answer 5d 等：按其他选项所指的区域、事项、类型和紧急程度规定时限。已承诺的不变，只影响此后的转办。`,
		"jieli region register": `登记一个待批准的区域：批准之后，即按文件中的 CA 信任其节点。因此 CA 指纹须经其他途径（最好是电话）向对方获知：
用 --fingerprint 给出所告知的指纹，其他 CA 一律拒绝；不给出时则显示指纹，供 jieli region approve 之前核对。`,
		"jieli region retire": `终止区域的成员资格。不可撤销：其编号和工单号前缀不再使用。须先删去其路由。在该区域自己的节点上执行时，由其清点在办工单，
须已无在办工单；在别处执行时，须用 --successor 指明接替的区域。

在终端上会询问是否确认；--yes 表示已确认，无终端时必须指定。`,
		"jieli region revoke": `立即切断密钥已泄露的区域，包括已打开的连接。不可撤销：其编号和工单号前缀不再使用，与其在途的工单停滞。
jieli region suspend 只停止新转办，可以恢复。

在终端上会询问是否确认；--yes 表示已确认，无终端时必须指定。`,
		"jieli route import": `读取表头为 division,service,region,validFrom,validTo 的 CSV，或带这些键的 JSON 行；- 表示标准输入。先显示将有的
变更，再作为一个版次整体生效，或完全不生效。文件中没有的路由会保留，除非用 --replace 表示文件即全部。
登记表会拒绝的行按行号列出，此时不发送任何内容。`,
		"jieli serve": `运行节点，直到收到停止信号（SIGTERM 或 Ctrl-C）。尚未加入任何联盟的节点须指明一次如何加入：--bootstrap 以本区域建立
新联盟；--join 加入已登记并批准本区域的联盟，须给出某成员的地址、联盟编号和该成员 CA 的指纹，这些须经其他途径告知。
已在联盟中的节点忽略这些选项。`,
		"jieli status": `先显示问题：起于何时、为何、如何处理、联系何人；再显示登记表、工单库和链路。

加 --all 则同时询问其他区域的节点所见，以分清“对方不通”和“我方线路不通”。加 --check 则只输出一行，退出码 0 正常、1 降级、3 停止或不可达，供监控使用。`,
		"jieli ticket list": `列出工单，最久未更新的在前：等得最久的在最上面。列表很长时，看到的是最久未更新的部分；--since 略去此后没有更新的。`,
		"jieli ticket import": `每行一个 {"ticket":{…}}，旁边可有 region 和 resolution；- 表示标准输入。有误的行按行号和原因报告，导入继续。

可随时停止并重新运行：有 externalId 的工单只接收一次；没有的，在同一未改动的文件中也只接收一次（标准输入除外）。
--from-line 可省去已完成的部分。改正有误的行：用 --rejects 写入另一文件，改正后再导入该文件；其中含个人信息。`,
		"jieli token create": `生成令牌并只显示一次；节点只保存其摘要，半秒内生效。系统的令牌在每次修改登记表或查看个人信息时，须指明所代表的
经办人（--operator，或 Jieli-Operator 头）。`,
	}
}
